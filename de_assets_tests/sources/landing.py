"""A small landing for tests: deliveries of orders, and the source that reads them."""

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from de_assets.contracts.source_tables import ORDER_LINES, SourceTable
from de_assets.settings import S3Settings
from de_assets.sources import Calendar, FileSource, IndexedDelivery, TableSource
from de_assets.storage.objects import LocalStore
from de_assets.storage.s3 import S3Options

HEADER = "order_id,product_id,quantity,ordered_at,unit_price"
MONDAY, TUESDAY, WEDNESDAY = date(2011, 5, 2), date(2011, 5, 3), date(2011, 5, 4)
CALENDAR = Calendar(start=date(2011, 1, 1), end=date(2011, 12, 31))
NO_S3 = S3Options(S3Settings.model_validate({}))


class Landing:
    """A directory that files are dropped into."""

    def __init__(self, root: Path) -> None:
        self.path = root / "landing"
        self.path.mkdir()
        self.state = LocalStore(root / "state")

    def drop(self, name: str, content: bytes | str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def source(
        self,
        *,
        table: SourceTable = ORDER_LINES,
        url: str | None = None,
        calendar: Calendar | None = CALENDAR,
        s3: S3Options = NO_S3,
        **options: object,
    ) -> FileSource:
        source = TableSource.model_validate({"url": url or str(self.path), **options})
        return FileSource(
            table,
            source,
            s3=s3,
            index_store=self.state,
            index_key=f"index/{table.name}.json",
            calendar=calendar,
        )

    def only(self, **options: object) -> IndexedDelivery:
        """The one delivery that there is, indexed."""
        (entry,) = self.source(**options).index()  # type: ignore[arg-type]
        return entry

    def problem(self, **options: object) -> str:
        """What is wrong with the one delivery, of which then nothing is read."""
        source = self.source(**options)  # type: ignore[arg-type]
        (entry,) = source.index()
        assert entry.problem, "no problem was found"
        assert entry.fix
        assert entry.rows_by_day == {}
        assert source.read_all().is_empty()
        return entry.problem

    def rows(self, **options: object) -> pl.DataFrame:
        """All rows that are delivered."""
        return self.source(**options).read_all()  # type: ignore[arg-type]


def line(order: object = "A1", day: object = MONDAY, *more: object) -> str:
    return ",".join(map(str, (order, "P1", 2, f"{day} 09:00:00", "1.50", *more)))


def csv_of(*lines: str, header: str = HEADER) -> str:
    return "\n".join((header, *lines)) + "\n"


def three_days() -> str:
    return csv_of(line("A1", MONDAY), line("A2", TUESDAY), line("A3", WEDNESDAY))


def zst_of(content: bytes) -> bytes:
    """One Zstandard frame of raw blocks with checksum-free header, as RFC 8878 lays it out."""
    blocks = [content[i : i + 65_536] for i in range(0, len(content), 65_536)] or [b""]
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + len(content).to_bytes(4, "little")
    for block in blocks:
        is_last = block is blocks[-1]
        frame += (len(block) << 3 | is_last).to_bytes(3, "little") + block
    return frame


def gz_of(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def ids(frame: pl.DataFrame, column: str = "order_id") -> Sequence[object]:
    return frame[column].to_list()
