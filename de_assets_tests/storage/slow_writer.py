"""A process that writes a table batch by batch and says so, for tests that kill it in mid-write.

It prints the number of each batch before it hands it over, and goes on when a line comes in.
"""

import json
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options

TABLE = "cleaned/events"
DAY = date(2024, 3, 4)
BATCH_ROWS = 150_000
SCHEMA = pl.Schema({"number": pl.Int64(), "noise": pl.Float64()})


def batch(number: int) -> pl.DataFrame:
    """Rows that do not compress, so that the file grows with each batch."""
    noise = np.random.default_rng(number).random(BATCH_ROWS)
    return pl.DataFrame({"number": np.full(BATCH_ROWS, number), "noise": noise})


def table(batches: int) -> pl.DataFrame:
    return pl.concat([batch(number) for number in range(batches)])


def _source(batches: int) -> pl.LazyFrame:
    def generate(*_: Any) -> Iterator[pl.DataFrame]:
        for number in range(batches):
            print(number, flush=True)  # noqa: T201  the test reads it
            sys.stdin.readline()
            yield batch(number)

    return register_io_source(generate, schema=SCHEMA)


if __name__ == "__main__":
    uri, s3, batches = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    Lake(uri, S3Options(S3Settings.model_validate(s3))).write(TABLE, _source(batches), DAY)
    print("done", flush=True)  # noqa: T201
