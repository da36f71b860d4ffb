"""A write that fails while it is under way leaves the old table, in this process too."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from de_assets.errors import StorageError
from de_assets.storage.lake import Lake
from de_assets.storage.replacing import UNFINISHED

DAY = date(2024, 3, 4)
TABLE = "cleaned/events"
OLD = pl.DataFrame({"number": [1, 2, 3]})


class LateError(Exception):
    """Raised in mid-stream."""


def fails_late() -> pl.LazyFrame:
    """A stream of which most has been written when it breaks off."""

    def break_off(frame: pl.DataFrame) -> pl.DataFrame:
        if frame["number"].max() == 1_999_999:
            raise LateError
        return frame

    numbers = pl.LazyFrame({"number": range(2_000_000)})
    return numbers.map_batches(break_off, streamable=True)


@pytest.mark.parametrize("is_first", [True, False])
def test_an_exception_in_mid_stream_leaves_nothing_or_the_old_table(lake: Lake, is_first: bool):
    if not is_first:
        lake.write(TABLE, OLD, DAY)

    with pytest.raises(LateError):
        lake.write(TABLE, fails_late(), DAY)

    assert lake.days(TABLE) == ([] if is_first else [DAY])
    if not is_first:
        assert_frame_equal(lake.scan_days(TABLE, [DAY]).drop("dt").collect(), OLD)


def test_an_exception_in_mid_stream_leaves_no_temporary_file(local_lake: Lake):
    with pytest.raises(LateError):
        local_lake.write(TABLE, fails_late(), DAY)

    left = [path.name for path in Path(local_lake.objects.root, UNFINISHED).iterdir()]
    assert left == ["lock"]


class LosesRows(pl.DataFrame):
    """A frame of which fewer rows arrive than it has."""

    def lazy(self) -> pl.LazyFrame:
        return super().lazy().head(2)


def test_a_file_that_lacks_rows_is_refused_and_the_old_table_stays(local_lake: Lake):
    local_lake.write(TABLE, OLD, DAY)

    with pytest.raises(StorageError, match="9 rows were written and 2 arrived") as caught:
        local_lake.write(TABLE, LosesRows({"number": range(9)}), DAY)

    assert TABLE in caught.value.where
    assert "disk" in caught.value.fix
    assert_frame_equal(local_lake.scan_days(TABLE, [DAY]).drop("dt").collect(), OLD)


def test_a_disk_that_takes_no_more_leaves_the_old_table(local_lake: Lake):
    """The operating system itself refuses the write, as on a full disk."""
    local_lake.write(TABLE, OLD, DAY)
    script = (
        "import resource, sys\n"
        "import numpy as np, polars as pl\n"
        "from datetime import date\n"
        "from de_assets_tests.storage.conftest import NO_S3\n"
        "from de_assets.storage.lake import Lake\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "noise = pl.DataFrame({'noise': np.random.default_rng(1).random(2_000_000)})\n"
        f"Lake(sys.argv[1], NO_S3).write({TABLE!r}, noise, date({DAY:%Y, %-m, %-d}))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, local_lake.objects.root],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert_frame_equal(local_lake.scan_days(TABLE, [DAY]).drop("dt").collect(), OLD)
    left = [path.name for path in Path(local_lake.objects.root, UNFINISHED).iterdir()]
    assert left == ["lock"]
