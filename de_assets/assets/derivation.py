"""How a table is made of others, apart from Dagster: its contract, upstreams and a transform.

`declare.py` makes assets of derivations, `lineage.py` asks them which column comes from which, and
`derivations.py` lists them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from de_assets.contracts.base import Contract, table_info

Transform = Callable[..., pl.LazyFrame]


@dataclass(frozen=True)
class Upstream:
    """A table that an asset reads.

    Attributes:
        key: Asset key, `stage/entity`.
        look_back_days: How many days before its own a daily asset also reads of a daily one.
        is_whole: Whether a daily asset reads all days of it, not only its own.
    """

    key: str
    look_back_days: int = 0
    is_whole: bool = False


@dataclass(frozen=True, eq=False)
class Derivation:
    """A table and how it is made.

    Attributes:
        contract: The table.
        transform: From LazyFrames, named as the upstreams, to one LazyFrame with the contract's
            columns. Daily tables are read and written with `dt` (Date). A transform that also takes
            `day` is called once for each day; else it gets a pass of neighbouring days at once.
        upstreams: The tables that it reads, by the transform's parameters.
        states: Inputs that are no tables of the lake, by their columns and types.
        description: What the asset's page says of it.
        code_version: Raised when the transform gives other results than before.
    """

    contract: type[Contract]
    transform: Transform
    upstreams: Mapping[str, Upstream]
    description: str
    code_version: str = "1"
    states: Mapping[str, pl.Schema] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Asset key of the table, `stage/entity`."""
        return table_info(self.contract).key

    @property
    def is_by_day(self) -> bool:
        """Whether the transform is called once for each day."""
        function: Any = self.transform
        while isinstance(function, partial):
            function = function.func
        return "day" in function.__annotations__
