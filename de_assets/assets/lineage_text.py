"""The lineage of a column or a table in words: what `de-assets lineage` prints."""

import difflib
import textwrap
from collections.abc import Collection, Iterator, Mapping

from de_assets.assets.lineage import Column, LineageGraph, lineage_text
from de_assets.contracts.base import columns, table_info
from de_assets.contracts.features import features
from de_assets.contracts.tables import TABLES
from de_assets.crm.score_properties import SENT
from de_assets.errors import DeAssetsError

TRAINING_SET = "features/training_set"
SYNC_PLAN = "crm/sync_plan"
LABEL, SPLIT = "is_ordering", "split"
KEYS = ("contact_id", "crm_id")
DECIDING = ("action", "fingerprint")
WIDTH = 100
Steps = Mapping[Column, Collection[Column]]


class UnknownColumnError(DeAssetsError):
    """No table has such a column."""


def lines_about(graph: LineageGraph, asked: str) -> Iterator[str]:
    """What there is to say of `stage/entity.column`, a table, or the name of a column.

    Raises:
        UnknownColumnError: there is none of that name; similar ones are told.
    """
    table, _, name = asked.rpartition(".")
    if Column(table, name) in graph.columns:
        return _about_column(graph, Column(table, name))
    if asked in TABLES:
        return _about_table(graph, asked)
    if having := [column for column in graph.columns if column.name == asked]:
        return iter([f"{column} [{privacy_class(column)}]" for column in having])
    similar = " or ".join(_similar(graph, asked))
    raise UnknownColumnError(
        f"No table has a column {asked!r}, and none is called so.",
        fix=f"did you mean {similar}?"
        if similar
        else "give a column as stage/entity.column, such as cleaned/order_lines.quantity",
    )


def destinations(columns: Collection[Column]) -> dict[str, list[Column]]:
    """What outside the tables reads some columns, and which of them: the model, and the CRM."""
    trained = [column for column in columns if column.table == TRAINING_SET]
    planned = [column for column in columns if column.table == SYNC_PLAN]
    read = {
        "model/lead_model, as features": [c for c in trained if c.name in features()],
        "model/lead_model, as what it learns to foretell": [c for c in trained if c.name == LABEL],
        "model/lead_model, as what divides its data": [c for c in trained if c.name == SPLIT],
        "the CRM, as values that are sent": [c for c in planned if c.name in SENT],
        "the CRM, as what finds the contact there": [c for c in planned if c.name in KEYS],
        "the CRM, as what decides who is sent": [c for c in planned if c.name in DECIDING],
    }
    return {reader: found for reader, found in read.items() if found}


def privacy_class(column: Column) -> str:
    """`direct`, `quasi` or `none`; `unknown` of a state that is no table of the lake."""
    if column.table not in TABLES:
        return "unknown"
    declared = {info.name: info.pii for info in columns(TABLES[column.table])}
    return declared.get(column.name, "none")


def _about_column(graph: LineageGraph, column: Column) -> Iterator[str]:
    title = "a state that is no table of the lake"
    if column.table in TABLES:
        titles = {info.name: info.title for info in columns(TABLES[column.table])}
        title = titles.get(column.name, "the day of the partition")
    yield f"{column} [{privacy_class(column)}]: {title}"
    yield ""
    yield from _made_of(graph, column)
    yield ""
    yield from _read_by(graph, column)


def _made_of(graph: LineageGraph, column: Column) -> Iterator[str]:
    sources = graph.sources.get(column)
    if sources is None:
        yield "made of: nothing here; it arrives from outside, or an asset writes it by itself"
        return
    values = {each: found.values for each, found in graph.sources.items()}
    reached = _reached(column, values)
    yield f"made of {_counted(reached)}"
    yield from _tree(graph, column, reached, _turned(values))
    if others := sources.rows - sources.values:
        yield from _wrapped(f"rows decided by: {_named(graph, others)}", 1)


def _read_by(graph: LineageGraph, column: Column) -> Iterator[str]:
    every = graph.downstream(*column)
    values = _turned({each: found.values for each, found in graph.sources.items()})
    reached = _reached(column, values)
    yield f"read by {_counted(every)}"
    yield from _tree(graph, column, reached, _turned(values))
    if by_rows := every - reached:
        tables = dict.fromkeys(each.table for each in graph.columns if each in by_rows)
        yield from _wrapped(
            f"{len(by_rows)} of them only because it decides which rows there are, in: "
            f"{', '.join(tables)}",
            1,
        )
    ends = destinations([each for each in graph.columns if each in every or each == column])
    if ends:
        yield ""
        yield "reaches"
        for reader, read in ends.items():
            yield from _wrapped(f"{reader}: {', '.join(each.name for each in read)}", 1)


def _about_table(graph: LineageGraph, table: str) -> Iterator[str]:
    yield f"{table}: {table_info(TABLES[table]).title}"
    for column in graph.columns:
        if column.table == table:
            sources = graph.sources.get(column)
            made = lineage_text(column.name, sources) if sources else "from outside"
            count = len(graph.downstream(*column))
            yield from _wrapped(f"{_marked(column)}: {made}; read by {count}", 1)


def _tree(
    graph: LineageGraph, start: Column, reached: Collection[Column], back: Steps
) -> Iterator[str]:
    """The reached columns by table, each table under the nearest one that leads to it.

    Args:
        graph: For the order of the lifecycle.
        start: Where the walk began.
        reached: Every column that it came to.
        back: The steps of the walk, turned round.
    """
    order = list(dict.fromkeys(column.table for column in graph.columns))
    known = {start, *reached}
    below: dict[str, list[str]] = {}
    for table in order:
        here = [column for column in reached if column.table == table]
        before = {each.table for column in here for each in back.get(column, ()) if each in known}
        before -= {table}
        if before:
            nearest = min(before, key=lambda each: abs(order.index(each) - order.index(table)))
            below.setdefault(nearest, []).append(table)

    def lines(table: str, depth: int) -> Iterator[str]:
        for each in below.get(table, ()):
            here = _named(graph, [column for column in reached if column.table == each])
            yield from _wrapped(here, depth)
            yield from lines(each, depth + 1)

    return lines(start.table, 1)


def _reached(start: Column, steps: Steps) -> frozenset[Column]:
    found: set[Column] = set()
    ahead = set(steps.get(start, ()))
    while ahead:
        found |= ahead
        ahead = {after for column in ahead for after in steps.get(column, ())} - found
    return frozenset(found)


def _turned(steps: Steps) -> Steps:
    turned: dict[Column, set[Column]] = {}
    for column, after in steps.items():
        for each in after:
            turned.setdefault(each, set()).add(column)
    return {column: frozenset(before) for column, before in turned.items()}


def _named(graph: LineageGraph, chosen: Collection[Column]) -> str:
    """Columns as `table: column, column [quasi]; table: column`."""
    by_table: dict[str, list[str]] = {}
    for column in graph.columns:
        if column in chosen:
            by_table.setdefault(column.table, []).append(_marked(column))
    return "; ".join(f"{table}: {', '.join(names)}" for table, names in by_table.items())


def _marked(column: Column) -> str:
    pii = privacy_class(column)
    return column.name if pii == "none" else f"{column.name} [{pii}]"


def _counted(found: Collection[Column]) -> str:
    tables = len({column.table for column in found})
    if not found:
        return "nothing"
    return (
        f"{len(found)} {'column' if len(found) == 1 else 'columns'} of "
        f"{tables} {'table' if tables == 1 else 'tables'}"
    )


def _wrapped(text: str, depth: int) -> list[str]:
    indent = "  " * depth
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _similar(graph: LineageGraph, asked: str) -> list[str]:
    known = [str(column) for column in graph.columns]
    bare = list(dict.fromkeys(column.name for column in graph.columns))
    return difflib.get_close_matches(asked, [*known, *TABLES, *bare], n=3, cutoff=0.6)
