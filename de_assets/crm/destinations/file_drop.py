"""A destination of files: what changed of a day as one CSV or Parquet object, whole or not at all.

Not here: which rows those are, and that nothing is sent twice (`crm/push.py` and its ledger).
"""

import json
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from io import BytesIO
from typing import Literal

import polars as pl

from de_assets.crm.destination import BatchAnswer, Change
from de_assets.crm.destinations.payload import KEY, values_of
from de_assets.crm.mapping import MAPPING
from de_assets.storage.objects import ObjectStore

Format = Literal["csv", "parquet"]
MOST_ROWS_OF_AN_OBJECT = 1_000_000
DIGEST_LENGTH = 16
# A spreadsheet takes a cell that begins so for a formula, full-width forms and controls included.
FORMULA = "^([=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"
_KINDS = {each.name: (each.kind, each.decimals) for each in MAPPING}
PLAIN_NUMBER = "^[+-]?[0-9]+([.][0-9]+)?$"


class FileDrop:
    """Objects `dt=YYYY-MM-DD/NNNN-<digest>.<format>` below a root, numbered in order of arrival.

    A receiver that takes a day's objects in the order of their names, the later one winning, has
    the newest values. Columns are `contact_id` and the properties of the plan: as texts in CSV, as
    numbers, dates and texts in Parquet, where the empty text is null.
    """

    batch_size = MOST_ROWS_OF_AN_OBJECT

    def __init__(self, name: str, objects: ObjectStore, day: date, form: Format) -> None:
        """Nothing is written yet.

        Args:
            name: The destination's name.
            objects: Where to; a store of its own.
            day: The partition that is written back.
            form: `csv` (UTF-8, a header, formulas defused) or `parquet` (exact values).
        """
        self.name = name
        self._objects = objects
        self._prefix = f"dt={day}/"
        self._form: Format = form

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        """Write one object; if the newest one of the day holds just these rows, it stands for them.

        That is the object of a run that died before it could note that it was done.

        Raises:
            StorageError: the store refuses; nothing was written.
            PreconditionFailedError: another writer was faster; nothing was written.
        """
        rows = [{KEY: change.key, **values_of(change)} for change in changes]
        digest = sha256(json.dumps(rows).encode()).hexdigest()[:DIGEST_LENGTH]
        number, newest = max(
            ((_number(info.key), info.key) for info in self._objects.list(self._prefix)),
            default=(0, ""),
        )
        ending = f"-{digest}.{self._form}"
        if not newest.endswith(ending):
            key = f"{self._prefix}{number + 1:04d}{ending}"
            self._objects.write(key, _content(pl.DataFrame(rows), self._form), if_absent=True)
        return BatchAnswer({change.key: change.key for change in changes}, {})

    def close(self) -> None:
        """Nothing is kept open."""


def _number(key: str) -> int:
    """The place of an object in its day; 0 for one that is not ours."""
    head = key.rpartition("/")[2].partition("-")[0]
    return int(head) if head.isdecimal() else 0


def _content(texts: pl.DataFrame, form: Format) -> bytes:
    buffer = BytesIO()
    if form == "csv":
        texts.select(_without_formulas(pl.all())).write_csv(buffer)
    else:
        texts.with_columns(_typed(name) for name in texts.columns).write_parquet(buffer)
    return buffer.getvalue()


def _without_formulas(texts: pl.Expr) -> pl.Expr:
    """A leading apostrophe before what a spreadsheet would run; a number stays one."""
    is_number = texts.str.contains(PLAIN_NUMBER)
    return pl.when(is_number).then(texts).otherwise(texts.str.replace(FORMULA, "'$1"))


def _typed(name: str) -> pl.Expr:
    if name == KEY:
        return pl.col(name)
    kind, decimals = _KINDS.get(name, ("string", 0))
    text = pl.when(pl.col(name) != "").then(name).alias(name)
    if kind == "number":
        return text.cast(pl.Float64 if decimals else pl.Int64)
    return text.str.to_date("%Y-%m-%d") if kind == "date" else text
