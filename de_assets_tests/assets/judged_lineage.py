"""Every derivation of the project, the rows to judge its lineage by, and the judgement."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial

import numpy as np

from de_assets.assets.derivations import all_derivations
from de_assets.assets.lineage import LineageGraph, as_handed, table_schema
from de_assets.contracts.base import columns, table_info
from de_assets.contracts.features import features
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.contracts.tables import TABLES
from de_assets.sources.write_back import WriteBack
from de_assets.transforms.learning import LeadModel
from de_assets.transforms.lineage import trace
from de_assets.transforms.typing import Dialect
from de_assets_tests.lineage_oracle import DAY, DAYS, MOMENTS, Rows, observed
from de_assets_tests.world import PII_KEY

START = DAY - timedelta(days=28 * 30)
DIALECT = Dialect(datetime_formats=("%Y-%m-%d %H:%M:%S",))
DERIVATIONS = all_derivations(
    dict.fromkeys(SOURCE_TABLES, DIALECT), lambda: PII_KEY, START, 30, WriteBack(mode="upsert")
)
GRAPH = LineageGraph(DERIVATIONS)
_TIMES = tuple(str(moment) for moment in MOMENTS)
RAW_POOLS = {
    "quantity": ("1", "2", "x", "-3"),
    "unit_price": ("1", "2.5", "x", "-1"),
    "ordered_at": (*_TIMES, "never"),
    "occurred_at": (*_TIMES, "never"),
    "created_at": (*_TIMES, "never"),
    "modified_at": _TIMES,
    "event_id": (None, None, None, "e", "f"),
    "_source": ("f", "g"),
    "_source_row": tuple(range(1, 17)),
    "dt": DAYS[2:4],
}
POOLS = {
    "event_type": ("view", "cart", "purchase", "email_open", "email_click", "form"),
    "contact_id": ("a", "b", "c", "d", "e"),
    "quantity": (-1.0, 1.0, 2.0),
    "crm_id": tuple("klmn"),
    "is_current": (True, True, True, False),
    "is_in_crm": (True, True, True, False),
    "score": (1, 2),
    "grade": ("A", "A", "A", "B"),
    "reasons": ("a", "a", "a", "b"),
    "trend": ("up", "up", "up", "down"),
    "fingerprint": ("1 | A | a | up", "2 | A | a | up"),
    "confirmed_for": ("2009-01-01", "2009-06-01", "2011-03-09"),
    "as_of": tuple(START + timedelta(28 * n) for n in (17, 20, 24, 26, 27, 28)),
}
# Of the days that the lake holds, a transform sees one version of a contact, one day of scores.
KEYS = {
    "modeled/dim_contact": ("contact_id",),
    "predictions/lead_scores": ("contact_id",),
    "features/contact_features": ("contact_id", "as_of"),
}


class Sensitive(LeadModel):
    """A model that turns over with every feature, so that no change of one is lost in a score."""

    def predict(self, inputs):
        weights = np.linspace(1.0, 2.0, inputs.shape[1])
        return 0.5 + 0.45 * np.sin(np.nan_to_num(inputs, nan=-1.0) @ weights)


NAMES = tuple(features())
MODEL = Sensitive(
    "v", 30, NAMES, dict.fromkeys(NAMES, 0.0), {}, None,
    {"country": ["a", "b", "c"], "channel": ["a", "b", "c"]},
)  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What was seen of one table: `own` claims and `rows` that were not, and what was not claimed.

    Attributes:
        unclaimed: By output column the inputs that changed it and are not in its lineage.
        unseen: By output column the inputs that it asks for beyond its table's rows, and that
            never changed it.
        unseen_rows: Inputs that are said to decide the rows, and never did.
    """

    unclaimed: dict
    unseen: dict
    unseen_rows: set


def rows_of(key):
    """Random rows of a table: its key is kept, and null is only where the contract lets it be."""
    info, is_raw = table_info(TABLES[key]), key.startswith("raw/")
    day = ("dt",) if info.is_daily else ()
    own = KEYS.get(key) or (info.unique_by and (*info.unique_by, *day))
    return Rows(
        as_handed(key),
        ("_source", "_source_row", "dt") if is_raw else own,
        [column.name for column in columns(TABLES[key]) if column.is_nullable],
        RAW_POOLS if is_raw else POOLS,
    )


def inputs_of(derivation):
    """Random rows of everything that a derivation reads."""
    tables = {name: rows_of(upstream.key) for name, upstream in derivation.upstreams.items()}
    states = {
        name: Rows(schema, ("contact_id",), set(schema) - {"contact_id"}, POOLS)
        for name, schema in derivation.states.items()
    }
    return tables | states


def ready(derivation):
    """Its transform, for one day, with a model that answers."""
    transform = derivation.transform
    if derivation.is_by_day:
        transform = partial(transform, day=DAY)
    if derivation.key == "predictions/lead_scores":
        transform = partial(transform, model=MODEL)
    return transform


@cache
def judged(key, known=frozenset()):
    """Judge the lineage of one table.

    Args:
        key: Its asset key.
        known: Pairs (output column, or `rows`; input column) that are known not to be seen: they
            get no more tries than what nobody claims.
    """
    derivation = DERIVATIONS[key]
    inputs = inputs_of(derivation)
    lineage = trace(derivation.transform, {name: rows.schema for name, rows in inputs.items()})
    declared = table_schema(key)
    rows = next(iter(lineage.values())).rows
    marks = {name for name in lineage if name not in declared}
    own = {name: found.needed - rows for name, found in lineage.items()}
    deciding = rows.union(*(lineage[name].needed for name in marks))

    def may_show(place):
        """Columns that show by their change that other rows are there, and not other values."""
        return {name for name in lineage if name in marks or place not in own[name]}

    claims = {
        place: [
            *({name} for name in declared if place in own[name] and (name, place) not in known),
            *([may_show(place)] if place in deciding and ("rows", place) not in known else []),
        ]
        for place in {*deciding, *(place for places in own.values() for place in places)}
    }
    seen = observed(ready(derivation), inputs, claims)
    changed_rows = {
        place for place in deciding if any(place in seen[name] for name in may_show(place))
    }
    return Judgement(
        {n: seen[n] - lineage[n].needed for n in seen if seen[n] - lineage[n].needed},
        {n: own[n] - seen[n] for n in declared if own[n] - seen[n]},
        deciding - changed_rows,
    )
