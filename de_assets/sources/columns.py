"""From a supplier's columns to ours: which of theirs is which of ours, and what is left over.

Pure expressions over names and types, the same for text and typed files. Used by `files.py`.
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from de_assets.contracts.source_tables import SourceTable
from de_assets.sources.config import TableSource

Matches = Mapping[str, tuple[str, ...]]


def match_columns(table: SourceTable, source: TableSource, names: Iterable[str]) -> Matches:
    """For each column of ours the supplier's columns that hold it, the preferred first.

    A declared alternative is found by its exact name first, then trimmed and in any case.
    """
    present = list(names)
    matches = {}
    for column in table.columns:
        wanted = source.names_of(column)
        exact = [name for name in wanted if name in present]
        alike = [name for each in wanted for name in present if folded(name) == folded(each)]
        matches[column] = tuple(dict.fromkeys(exact + alike))
    return matches


def folded(name: str) -> str:
    """A name as it is compared: trimmed, in any case."""
    return name.strip().casefold()


def our_columns(
    matches: Matches, schema: Mapping[str, pl.DataType], null_values: Sequence[str]
) -> list[pl.Expr]:
    """Our columns by our names; one that the supplier does not have is of type Null."""
    return [_value(theirs, schema, null_values).alias(ours) for ours, theirs in matches.items()]


def _value(
    theirs: Sequence[str], schema: Mapping[str, pl.DataType], null_values: Sequence[str]
) -> pl.Expr:
    if not theirs:
        return pl.lit(None, dtype=pl.Null)
    values = [_plain(name, schema[name], null_values) for name in theirs]
    if len({_plain_type(schema[name]) for name in theirs}) > 1:
        values = [value.cast(pl.String) for value in values]
    return pl.coalesce(values)


def _plain_type(dtype: pl.DataType) -> pl.DataType:
    is_text = dtype.is_nested() or isinstance(dtype, pl.Categorical | pl.Enum | pl.Binary)
    return pl.String() if is_text else dtype


def _plain(name: str, dtype: pl.DataType, null_values: Sequence[str]) -> pl.Expr:
    """A column as a scalar: nested values are JSON, categories and bytes text."""
    value = pl.col(name)
    if dtype.is_nested():
        value = _without_name(pl.struct(value.alias("v")).struct.json_encode())
        value = pl.when(pl.col(name).is_not_null()).then(value)
    elif isinstance(dtype, pl.Binary):  # text without the annotation, or really bytes
        value = value.map_batches(_decoded, return_dtype=pl.String, is_elementwise=True)
    elif _plain_type(dtype) != dtype:
        value = value.cast(pl.String)
    if null_values and _plain_type(dtype) == pl.String:
        is_null = value.str.strip_chars().is_in(list(null_values))
        value = pl.when(~is_null).then(value)
    return value


def _without_name(encoded: pl.Expr) -> pl.Expr:
    return encoded.str.strip_prefix('{"v":').str.strip_suffix("}")


def _decoded(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [_text_or_digits(each) for each in values], dtype=pl.String)


def _text_or_digits(value: bytes | None) -> str | None:
    """UTF-8 as text, anything else as hexadecimal digits."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def extra_column(
    matches: Matches, schema: Mapping[str, pl.DataType], null_values: Sequence[str]
) -> pl.Expr:
    """`_extra`: the filled cells of columns that are not ours, as one JSON object; null if none.

    An alternative of ours that a better one has overruled in its row counts as such a cell.
    """
    claimed = {name for theirs in matches.values() for name in theirs}
    used = {theirs[0] for theirs in matches.values() if theirs}
    members = []
    for name, dtype in schema.items():
        if name in used:
            continue
        cell = pl.col(name) if dtype.is_nested() else _plain(name, dtype, null_values)
        if name in claimed:
            better = [theirs[: theirs.index(name)] for theirs in matches.values() if name in theirs]
            overruled = [_value(names, schema, null_values).is_not_null() for names in better]
            cell = pl.when(pl.all_horizontal(overruled)).then(cell)
        members.append(_member(name, cell))
    if not members:
        return pl.lit(None, dtype=pl.String).alias("_extra")
    joined = pl.concat_str(members, separator=",", ignore_nulls=True)
    return pl.when(joined != "").then("{" + joined + "}").alias("_extra")


def _member(name: str, cell: pl.Expr) -> pl.Expr:
    encoded = pl.struct(cell.alias(name)).struct.json_encode()
    return pl.when(cell.is_not_null()).then(encoded.str.slice(1, encoded.str.len_chars() - 2))


def stack(frames: Sequence[pl.DataFrame], table: SourceTable) -> pl.DataFrame:
    """One frame of all; a column becomes String where the types differ, and where all lack it."""
    added = {"_extra": pl.String, "_source": pl.String, "_source_row": pl.Int64}
    added |= {"_batch": pl.String}
    if table.day_column is not None:
        added |= {"dt": pl.Date}
    types: dict[str, pl.DataType] = {}
    for column in table.columns:
        found = {frame.schema[column] for frame in frames} - {pl.Null()}
        types[column] = found.pop() if len(found) == 1 else pl.String()
    if not frames:
        return pl.DataFrame(schema={**types, **added})
    return pl.concat(
        [
            frame.with_columns(_as_type(frame, name, to) for name, to in types.items())
            for frame in frames
        ]
    )


def _as_type(frame: pl.DataFrame, name: str, wanted: pl.DataType) -> pl.Expr:
    dtype = frame.schema[name]
    value = pl.col(name)
    if wanted == pl.String and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return value.cast(wanted)
