"""A small table in one object, replaced as a whole and only if nobody else did so meanwhile.

The ledger's file, its history and its rejects are such tables. Not here: what their rows mean.
"""

from collections.abc import Callable, Collection
from io import BytesIO

import polars as pl

from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import ObjectStore

ATTEMPTS = 5


class KeptRows:
    """One Parquet object with a fixed schema; no object is no rows."""

    def __init__(self, objects: ObjectStore, key: str, schema: pl.Schema) -> None:
        self._objects = objects
        self.key = key
        self._schema = schema

    def read(self) -> tuple[pl.DataFrame, str | None]:
        """The rows, and the version of the object; None if there is none yet."""
        try:
            data, version = self._objects.read(self.key)
        except FileNotFoundError:
            return pl.DataFrame(schema=self._schema), None
        rows = pl.read_parquet(BytesIO(data))
        # An object that is older than a column has nulls there.
        columns = (
            pl.col(name) if name in rows.columns else pl.lit(None, kind).alias(name)
            for name, kind in self._schema.items()
        )
        return rows.select(columns), version

    def change(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> tuple[int, int]:
        """Replace the rows by what `change` makes of them; it may be called more than once.

        Nothing is written if the rows stay the same.

        Returns:
            How many rows there were, and how many there are.

        Raises:
            PreconditionFailedError: other writers were faster each time.
        """
        for attempt in range(1, ATTEMPTS + 1):
            before, version = self.read()
            after = change(before)
            if after.equals(before):
                break
            buffer = BytesIO()
            after.write_parquet(buffer)
            try:
                self._objects.write(
                    self.key, buffer.getvalue(), if_match=version, if_absent=version is None
                )
            except PreconditionFailedError:
                if attempt == ATTEMPTS:
                    raise
                continue
            break
        return before.height, after.height

    def forget(self, contact_ids: Collection[str]) -> int:
        """Remove the rows of contacts; how many there were. Errors are those of `change`."""
        is_theirs = pl.col("contact_id").is_in(list(contact_ids))
        before, after = self.change(lambda rows: rows.filter(~is_theirs))
        return before - after
