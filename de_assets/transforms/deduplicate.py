"""What counts as the same row delivered again.

Rows without a key: identical lines of one file are what the source says and stay, numbered; the
same line from another file is a re-delivery. Rows with a key: the latest version stays.
Nothing is dropped here: duplicates are marked, so that every arrived row can be accounted for.
"""

from collections.abc import Sequence

import polars as pl

IS_DUPLICATE = "_is_duplicate"


def mark_redelivered(rows: pl.LazyFrame, content: Sequence[str]) -> pl.LazyFrame:
    """Of each distinct line, the largest count that any one file has is no duplicate.

    Args:
        rows: One row a delivered line: `content` columns, `dt`, `_source` (String), `_row`.
        content: Columns that make two lines the same, compared within a day.

    Returns:
        All rows with `line_number` (Int32), which counts equal lines of a file from 1, and
        `_is_duplicate` (Boolean).
    """
    same_line = ["dt", *content]
    in_file = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over([*same_line, "_source"])
    return (
        rows.sort("_row")
        .with_columns(line_number=in_file)
        .with_columns(
            (~pl.struct([*same_line, "line_number"]).is_first_distinct()).alias(IS_DUPLICATE)
        )
    )


def mark_outdated(rows: pl.LazyFrame, key: Sequence[str]) -> pl.LazyFrame:
    """The last row of each key and day is no duplicate; nor is a row with an incomplete key.

    Args:
        rows: One row a delivered version, in order of arrival by `_row`; with `dt`.
        key: Columns that identify what a row is about.

    Returns:
        All rows with `_is_duplicate` (Boolean).
    """
    # Rows without a key are told apart by their number, so none hides another.
    is_keyless = pl.any_horizontal(pl.col(*key).is_null())
    number = pl.when(is_keyless).then(pl.col("_row")).alias("_number")
    return rows.sort("_row").with_columns(
        (~pl.struct("dt", *key, number).is_last_distinct()).alias(IS_DUPLICATE)
    )
