"""The profiles of a table's days, in one small object of the lake.

Bounded to the newest days, so that reading it costs the same after ten years. Days that are made
again replace what was known of them. Written by every run, hence under a condition.
"""

from datetime import timedelta
from io import BytesIO

import polars as pl

from de_assets.checks.profile import SCHEMA
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import ObjectStore

PREFIX = "_profiles/"
KEPT_DAYS = 400  # a year and a month: the same season of the last year is still there to look at
ATTEMPTS = 5


class ProfileHistory:
    """The profiles of one table, `_profiles/<stage>/<entity>.parquet`."""

    def __init__(self, objects: ObjectStore, table: str) -> None:
        self._objects = objects
        self._key = f"{PREFIX}{table}.parquet"

    def read(self) -> pl.DataFrame:
        """All that is known, with the columns of `profile.SCHEMA`, by day."""
        return self._stored()[0]

    def replace(self, profiles: pl.DataFrame) -> pl.DataFrame:
        """Keep the profiles of some days in place of what was known of these days.

        Returns:
            All that is known now, and of the given days also those that are too old to be kept.

        Raises:
            PreconditionFailedError: other runs were faster each time; nothing of this was kept.
        """
        attempts_left = ATTEMPTS
        while True:
            stored, version = self._stored()
            known = stored.join(profiles.select("dt").unique(), on="dt", how="anti")
            together = pl.concat([known, profiles]).sort(
                "dt", "column", "measure", "bin", "label", nulls_last=True
            )
            kept = _newest(together)
            if version is not None and kept.equals(stored):
                return together
            buffer = BytesIO()
            kept.write_parquet(buffer, compression_level=1)
            try:
                self._objects.write(
                    self._key, buffer.getvalue(), if_match=version, if_absent=version is None
                )
            except PreconditionFailedError:
                attempts_left -= 1
                if not attempts_left:
                    raise
            else:
                return together

    def _stored(self) -> tuple[pl.DataFrame, str | None]:
        try:
            data, version = self._objects.read(self._key)
        except FileNotFoundError:
            return pl.DataFrame(schema=SCHEMA), None
        return pl.read_parquet(BytesIO(data)), version


def _newest(profiles: pl.DataFrame) -> pl.DataFrame:
    """The days that are kept: the last `KEPT_DAYS` before and with the newest one."""
    oldest = pl.col("dt").max() - timedelta(days=KEPT_DAYS)
    return profiles.filter(pl.col("dt") > oldest)
