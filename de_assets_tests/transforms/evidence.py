"""Made-up snapshots whose label a model can learn, or cannot: for the tests of models."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import ContactFeatures, TrainingSet

FIRST = date(2011, 1, 3)
AS_OF = {"train": FIRST, "calibrate": FIRST + timedelta(56), "test": FIRST + timedelta(112)}
HORIZON_DAYS = 30


def contacts(count: int, seed: int = 0, as_of: date = FIRST) -> pl.DataFrame:
    """Rows of `features/contact_features`: recency tells most, the country a little, noise none."""
    chance = np.random.default_rng(seed)
    recency = chance.integers(0, 300, count).astype(float)
    given = {
        "contact_id": [f"{n:06}" for n in range(count)],
        "as_of": [as_of] * count,
        "country": chance.choice(["UK", "France", "Spain"], count, p=[0.4, 0.35, 0.25]),
        "recency_days": np.where(recency > 250, np.nan, recency),
        "tenure_days": chance.integers(300, 900, count).astype(float),
        "sessions_30d": chance.integers(0, 9, count).astype(float),
    }
    schema = polars_schema(ContactFeatures)
    nothing = [
        pl.lit(None if name.endswith(("_days", "ratio", "mean")) else 0.0, pl.Float64).alias(name)
        for name, dtype in schema.items()
        if name not in given and dtype == pl.Float64
    ]
    return (
        pl.DataFrame(given, schema_overrides={"contact_id": pl.String, "as_of": pl.Date})
        .with_columns(*nothing, pl.col("recency_days").fill_nan(None))
        .with_columns(channel=pl.lit(None, pl.String))
        .select(list(schema))
    )


def snapshots(
    count: int = 1500, seed: int = 1, *, is_learnable: bool = True, base_rate: float = 0.25
) -> pl.DataFrame:
    """A training set of `count` contacts in each part."""
    chance = np.random.default_rng(seed)
    parts = []
    for place, (part, as_of) in enumerate(AS_OF.items()):
        rows = contacts(count, seed + place, as_of)
        probability = np.full(count, base_rate)
        if is_learnable:
            recency = rows["recency_days"].fill_null(300).to_numpy()
            probability = (
                0.02 + 0.7 * np.exp(-recency / 60) + 0.1 * (rows["country"] == "UK").to_numpy()
            )
        parts.append(
            rows.with_columns(
                is_ordering=pl.Series(chance.random(count) < probability), split=pl.lit(part)
            )
        )
    return pl.concat(parts).select(list(polars_schema(TrainingSet)))
