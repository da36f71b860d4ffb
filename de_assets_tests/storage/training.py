"""A small training set in which recent customers order again, for the tests of models."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import TrainingSet

SPLITS = {
    "train": date(2024, 1, 1),
    "calibrate": date(2024, 3, 1),
    "test": date(2024, 5, 1),
}
ROWS_OF_A_SPLIT = 400


def training_set() -> pl.DataFrame:
    """Contacts of whom those that ordered lately order again, for the most part."""
    chance = np.random.default_rng(7)
    rows = ROWS_OF_A_SPLIT * len(SPLITS)
    recency = chance.integers(0, 120, rows).astype(float)
    columns: dict[str, Any] = {
        "contact_id": [f"contact-{number}" for number in range(rows)],
        "as_of": [day for day in SPLITS.values() for _ in range(ROWS_OF_A_SPLIT)],
        "country": chance.choice(["de", "fr", "ünï"], rows),
        "channel": chance.choice(["web", "shop"], rows),
        "recency_days": [None if days > 100 else days for days in recency],
        "tenure_days": chance.integers(0, 900, rows),
        "is_ordering": chance.random(rows) < np.where(recency < 40, 0.7, 0.1),
        "split": [name for name in SPLITS for _ in range(ROWS_OF_A_SPLIT)],
    }
    missing = {name: [0.0] * rows for name in polars_schema(TrainingSet) if name not in columns}
    frame = pl.DataFrame(columns | missing, strict=False)
    return frame.select(
        pl.col(name).cast(dtype) for name, dtype in polars_schema(TrainingSet).items()
    )
