"""Profiles written by hand: whole days of a table, as far as volume and freshness look."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from de_assets.checks.profile import SCHEMA

START = date(2025, 1, 6)  # a Monday


def day(number: int) -> date:
    return START + timedelta(days=number)


def whole_days(measure: str, values: Sequence[int | None], first: int = 0) -> pl.DataFrame:
    """One value a day, from day `first` on; None where nothing is known."""
    known = [(day(first + n), value) for n, value in enumerate(values) if value is not None]
    return pl.DataFrame(
        {
            "dt": [each for each, _ in known],
            "column": [""] * len(known),
            "measure": [measure] * len(known),
            "bin": [None] * len(known),
            "label": [None] * len(known),
            "value": [value for _, value in known],
        },
        schema=SCHEMA,
    )
