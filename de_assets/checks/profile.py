"""What one day of a table looked like, as counts that days can be compared by.

A profile holds counts only: never a value of a column that could identify a person. Reading and
keeping profiles is `history.py`; what is unusual is said by `volume`, `freshness` and `drift`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

import polars as pl

from de_assets.contracts.base import Contract, columns
from de_assets.transforms.dates import DEFAULT_FORMATS, parse, to_datetime, to_datetime_on_day

SCHEMA = pl.Schema(
    {
        "dt": pl.Date(),
        "column": pl.String(),  # empty for what is true of the whole day
        "measure": pl.String(),
        "bin": pl.Int16(),  # of a number; null for every other measure
        "label": pl.String(),  # of a category; null for every other measure
        "value": pl.Int64(),
    }
)
ROWS = "rows"
DUPLICATES = "duplicates"  # rows that more than one delivery of the day brought
LAST_SECOND = "last_second"  # of the day, when its last row happened
NULLS = "nulls"
NUMBER = "number"  # rows in a bin
CATEGORY = "category"  # rows with a label
OTHERS = "others"  # rows with a label beyond the most frequent ones
GROUPED = "grouped"  # rows beyond the first of each group
AGREEING = "agreeing"  # of these, rows with their group's usual value

BINS_PER_DECADE = 16  # a bin is 15 % wide: finer than the deciles of any column seen
SMALLEST_DECADE = -9
LARGEST_DECADE = 15
MOST_LABELS = 50
NEAR = 0.2
FORMATS_LEARNT_FROM = 1000


@dataclass(frozen=True)
class Watched:
    """Which columns of a table are profiled, and how.

    Attributes:
        numbers: Columns whose distribution is kept as a histogram.
        labels: Columns whose most frequent values are counted; public columns only.
        nullable: Columns whose nulls are counted.
        follows: Columns whose value another column determines within a day, by name.
    """

    numbers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    follows: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, contract: type[Contract]) -> Self:
        """What a table's declaration asks for; of an identifying column only nulls and follows."""
        infos = columns(contract)
        public = [info for info in infos if info.is_watched and info.pii == "none"]
        return cls(
            numbers=tuple(info.name for info in public if info.dtype.is_numeric()),
            labels=tuple(info.name for info in public if info.dtype in (pl.String, pl.Boolean)),
            nullable=tuple(info.name for info in infos if info.is_nullable),
            follows=tuple((info.name, info.follows) for info in infos if info.follows),
        )


def profile_of_values(watched: Watched, frame: pl.DataFrame) -> pl.DataFrame:
    """Distributions, nulls and agreements of each day.

    Args:
        watched: The columns to look at.
        frame: These columns and `dt` (Date), the rows of any number of days.

    Returns:
        A frame of `SCHEMA` without the rows of a day; counts of zero are left out.
    """
    rows = frame.lazy()
    parts = [
        *(_histogram(rows, name) for name in watched.numbers),
        *(_categories(rows, name) for name in watched.labels),
        *(_agreement(rows, name, group) for name, group in watched.follows),
    ]
    counted = {*watched.numbers, *watched.labels}
    if others := [name for name in watched.nullable if name not in counted]:
        nulls = rows.group_by("dt").agg(pl.col(others).null_count())
        parts.append(
            _shaped(nulls.unpivot(index="dt", variable_name="column"), measure=NULLS).filter(
                pl.col("value") > 0
            )
        )
    return pl.concat(pl.collect_all(parts)) if parts else pl.DataFrame(schema=SCHEMA)


def profile_of_rows(frame: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """The number of rows of each day, zero included; `frame` needs only `dt` (Date)."""
    found = frame.lazy().group_by("dt").agg(value=pl.len())
    asked = pl.LazyFrame({"dt": days}, schema={"dt": pl.Date})
    counted = asked.join(found, on="dt", how="left").with_columns(pl.col("value").fill_null(0))
    return _shaped(counted, measure=ROWS).collect()


def profile_of_arrival(
    frame: pl.DataFrame, content: Sequence[str], moment: str, formats: Sequence[str]
) -> pl.DataFrame:
    """How the rows of each day arrived: how many came twice, and when the last one happened.

    Args:
        frame: Raw rows with `dt` (Date), `_source`, and the columns named next, of any type.
        content: The columns that the source delivered.
        moment: The one of them whose date is the day.
        formats: How the source writes moments; empty for the usual ones.

    Returns:
        A frame of `SCHEMA`; a day without a readable moment has no last second.
    """
    compared = [name for name in content if name != moment]
    return pl.concat([_duplicates(frame, compared), _last_second(frame, moment, formats)])


def _duplicates(frame: pl.DataFrame, compared: Collection[str]) -> pl.DataFrame:
    """Of each distinct row the largest count that one delivery has is what the source says.

    Numbers are compared as numbers, since one file may hold text and another one types; the
    moment is left out, since its text differs by file.
    """
    sources = frame.lazy().group_by("dt").agg(pl.col("_source").n_unique())
    several = sources.filter(pl.col("_source") > 1).select("dt").collect()
    if several.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    schema = frame.schema  # a typed file may hold lists, which have no text
    texts = [
        pl.col(name).cast(pl.String).str.strip_chars()
        for name in compared
        if not schema[name].is_nested()
    ]
    alike = [
        pl.coalesce(text.cast(pl.Float64, strict=False).cast(pl.String), text) for text in texts
    ]
    by_delivery = (
        frame.lazy()
        .join(several.lazy(), on="dt", how="semi")
        .select("dt", "_source", row=pl.struct(alike).hash())
        .group_by("dt", "row", "_source")
        .len()
    )
    by_row = by_delivery.group_by("dt", "row").agg(again=pl.col("len").sum() - pl.col("len").max())
    counted = by_row.group_by("dt").agg(value=pl.col("again").sum())
    return _shaped(counted, measure=DUPLICATES).filter(pl.col("value") > 0).collect()


def _last_second(frame: pl.DataFrame, moment: str, formats: Sequence[str]) -> pl.DataFrame:
    """Of distinct texts only, and the ambiguous formats only for what no other one reads."""
    distinct = frame.select("dt", moment).unique()
    read = distinct.select("dt", at=to_datetime(pl.col(moment), formats or _in_use(distinct)))
    if not formats and (is_left := read["at"].is_null()).any():
        left = distinct.filter(is_left)
        on_day = left.select("dt", at=to_datetime_on_day(pl.col(moment), pl.col("dt")))
        read = pl.concat([read.filter(~is_left), on_day])
    second = (pl.col("at") - pl.col("dt").cast(pl.Datetime("us"))).dt.total_seconds()
    counted = (
        read.lazy()
        .select("dt", second=second)
        .filter(pl.col("second").is_between(0, 86_399))
        .group_by("dt")
        .agg(value=pl.col("second").max())
    )
    return _shaped(counted, measure=LAST_SECOND).collect()


def _in_use(distinct: pl.DataFrame) -> tuple[str, ...]:
    """The usual formats, those in use first: one that fits nothing costs a look at every text."""
    in_use = parse(distinct.to_series(1).head(FORMATS_LEARNT_FROM), DEFAULT_FORMATS)[1]
    return tuple(dict.fromkeys((*in_use, *DEFAULT_FORMATS)))


def _histogram(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Rows in signed bins of equal width on the log scale; zero is a bin, and so is null."""
    size = pl.col(name).cast(pl.Float64).abs()
    steps = ((size.log10() - SMALLEST_DECADE) * BINS_PER_DECADE).floor() + 1
    largest = (LARGEST_DECADE - SMALLEST_DECADE) * BINS_PER_DECADE
    number = pl.when(size == 0).then(0.0).otherwise(steps.clip(1, largest) * pl.col(name).sign())
    binned = rows.select("dt", bin=number.fill_nan(None).cast(pl.Int16))
    counted = binned.group_by("dt", "bin").agg(value=pl.len())
    measure = pl.when(pl.col("bin").is_null()).then(pl.lit(NULLS)).otherwise(pl.lit(NUMBER))
    return _shaped(counted, column=name, measure=measure)


def _categories(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Rows of the most frequent labels of each day, of all others together, and of null."""
    counted = rows.select("dt", label=pl.col(name).cast(pl.String)).group_by("dt", "label").len()
    rank = pl.col("len").rank("ordinal", descending=True).over("dt")
    is_other = (rank > MOST_LABELS + 1) & pl.col("label").is_not_null()
    measure = (
        pl.when(pl.col("label").is_null())
        .then(pl.lit(NULLS))
        .when(is_other)
        .then(pl.lit(OTHERS))
        .otherwise(pl.lit(CATEGORY))
    )
    named = counted.sort("label").select(
        "dt", "len", measure=measure, label=pl.when(~is_other).then("label")
    )
    summed = named.group_by("dt", "measure", "label").agg(value=pl.col("len").sum())
    return _shaped(summed, column=name, measure=pl.col("measure"))


def _agreement(rows: pl.LazyFrame, name: str, group: str) -> pl.LazyFrame:
    """A column that is shuffled among the rows keeps its distribution, but not its group.

    Equal values agree, and numbers that lie within a fifth of their group's median.
    """
    asked = rows.filter(pl.col(group).is_not_null()).select("dt", g=group, v=name)
    value = pl.col("v")
    if asked.collect_schema()["v"].is_numeric():
        median = value.quantile(0.5, interpolation="lower")
        is_near = (value - median).abs() <= NEAR * median.abs()
        groups = asked.group_by("dt", "g").agg(
            pl.len().alias(GROUPED), is_near.sum().alias(AGREEING)
        )
    else:
        alike = asked.group_by("dt", "g", "v").len()
        count = pl.col("len")
        groups = alike.group_by("dt", "g").agg(
            count.sum().alias(GROUPED), count.max().alias(AGREEING)
        )
    # One row of a group always agrees with itself, which says nothing.
    beyond_first = (pl.col(GROUPED, AGREEING).cast(pl.Int64) - 1).clip(lower_bound=0)
    counted = groups.filter(pl.col(GROUPED) > 1).group_by("dt").agg(beyond_first.sum())
    return _shaped(
        counted.unpivot(index="dt", variable_name="measure"), column=name, measure=pl.col("measure")
    )


def _shaped(
    counted: pl.LazyFrame, *, measure: str | pl.Expr, column: str | None = None
) -> pl.LazyFrame:
    """Counts in `value`, with whatever of the other columns there is, as rows of `SCHEMA`."""
    there = counted.collect_schema().names()
    fixed = {"measure": pl.lit(measure) if isinstance(measure, str) else measure}
    if column is not None or "column" not in there:
        fixed["column"] = pl.lit(column or "")
    missing = {name: pl.lit(None) for name in ("bin", "label") if name not in there}
    return counted.with_columns(**fixed, **missing).select(
        pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()
    )
