"""A writer that is killed, at any moment, leaves the table as it was: whole."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from de_assets.settings import S3Settings
from de_assets.storage.lake import FILE_NAME, Lake
from de_assets.storage.replacing import UNFINISHED
from de_assets.storage.s3 import S3Options
from de_assets_tests.storage.proxy import stalling_proxy
from de_assets_tests.storage.slow_writer import DAY, SCHEMA, TABLE, table

KEY = f"{TABLE}/dt={DAY}/{FILE_NAME}"
OLD = pl.DataFrame({"number": [-1, -2], "noise": [0.5, 0.25]}, schema=SCHEMA)
BATCHES = 8
PATIENCE_SECONDS = 30.0


class Writer:
    """A process of `slow_writer`; each batch waits for its permission."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self) -> str:
        return self._process.stdout.readline().strip()

    def permit(self, batches: int) -> None:
        self._process.stdin.write("\n" * batches)
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        assert self._process.wait(PATIENCE_SECONDS) == -9

    def is_running(self) -> bool:
        return self._process.poll() is None


@contextmanager
def writer(uri: str, s3: dict[str, str], batches: int) -> Iterator[Writer]:
    command = [sys.executable, "-m", "de_assets_tests.storage.slow_writer"]
    process = subprocess.Popen(
        [*command, uri, json.dumps(s3), str(batches)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Writer(process)
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], object]) -> None:
    """Look again until it is so; a writer in another process can only be watched."""
    pause = Event()
    for _ in range(int(PATIENCE_SECONDS / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail(f"not so within {PATIENCE_SECONDS} seconds")


def unfinished(lake: Lake) -> list[Path]:
    folder = Path(lake.objects.root, UNFINISHED)
    return [path for path in folder.glob("*") if path.name != "lock"]


def credentials(s3: S3Settings, endpoint_url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": s3.access_key_id.get_secret_value(),
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key.get_secret_value(),
    }


def kill_after(batches: int, uri: str, is_under_way: Callable[[], object]):
    """Let a writer hand over so many batches, see that the write is under way, and kill it."""
    with writer(uri, {}, BATCHES) as process:
        for number in range(batches):
            assert process.read() == str(number)
            process.permit(1)
        assert process.read() == str(batches)
        wait_until(is_under_way)
        process.kill()


@pytest.mark.parametrize("batches", [0, 3, 7])
def test_a_killed_write_leaves_the_old_table(local_lake: Lake, batches: int):
    local_lake.write(TABLE, OLD, DAY)

    kill_after(
        batches,
        local_lake.objects.root,
        lambda: (
            any(path.stat().st_size > batches * 100_000 for path in unfinished(local_lake))
            or (batches == 0 and unfinished(local_lake))
        ),
    )

    assert len(unfinished(local_lake)) == 1
    assert [info.key for info in local_lake.objects.list()] == [KEY]
    assert local_lake.days(TABLE) == [DAY]
    assert_frame_equal(local_lake.scan_days(TABLE, [DAY]).drop("dt").collect(), OLD)
    everything = pl.read_parquet(Path(local_lake.objects.root, TABLE), hive_partitioning=True)
    assert_frame_equal(everything.drop("dt"), OLD)


def test_a_killed_first_write_leaves_nothing_and_the_next_write_clears_up(local_lake: Lake):
    kill_after(5, local_lake.objects.root, lambda: unfinished(local_lake))
    left = unfinished(local_lake)

    listed = [list(local_lake.objects.list()), local_lake.days(TABLE), local_lake.sizes(TABLE)]
    local_lake.write("cleaned/products", OLD)

    assert len(left) == 1
    assert listed == [[], [], {}]
    assert unfinished(local_lake) == []


def test_a_write_does_not_clear_up_after_a_writer_that_lives(local_lake: Lake):
    with writer(local_lake.objects.root, {}, 2) as process:
        assert process.read() == "0"
        local_lake.write("cleaned/products", OLD)
        process.permit(2)
        assert [process.read(), process.read()] == ["1", "done"]

    assert_frame_equal(local_lake.scan_days(TABLE, [DAY]).drop("dt").collect(), table(2))


@pytest.mark.parametrize(("batches", "is_first"), [(1, False), (12, False), (12, True)])
def test_a_write_to_s3_that_is_killed_in_mid_upload_leaves_nothing_or_the_old_table(
    s3_lake_uri: str,
    s3_server: S3Settings,
    s3_options: S3Options,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_first: bool,
    batches: int,
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the killed writer leaves its file
    lake = Lake(s3_lake_uri, s3_options)
    if not is_first:
        lake.write(TABLE, OLD, DAY)

    with (
        stalling_proxy(s3_server.endpoint_url, batches * 900_000) as proxy,
        writer(s3_lake_uri, credentials(s3_server, proxy.url), batches) as process,
    ):
        process.permit(batches)
        assert proxy.has_stalled.wait(PATIENCE_SECONDS)
        process.kill()

    assert len(list(tmp_path.glob("de-assets-*"))) == 1
    if is_first:
        assert [list(lake.objects.list()), lake.days(TABLE)] == [[], []]
    else:
        assert [info.key for info in lake.objects.list()] == [KEY]
        assert_frame_equal(lake.scan_days(TABLE, [DAY]).drop("dt").collect(), OLD)


def test_a_large_write_to_s3_arrives_whole(
    s3_lake_uri: str, s3_server: S3Settings, s3_options: S3Options
):
    with writer(s3_lake_uri, credentials(s3_server, s3_server.endpoint_url), 12) as process:
        process.permit(12)
        assert [process.read() for _ in range(13)] == [*map(str, range(12)), "done"]

    found = Lake(s3_lake_uri, s3_options).scan_days(TABLE, [DAY]).drop("dt").collect()
    assert_frame_equal(found, table(12))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_write_that_is_killed_at_any_moment_leaves_the_old_table_or_the_new(
    local_lake: Lake, seed: int
):
    local_lake.write(TABLE, OLD, DAY)
    chance = random.Random(seed)  # noqa: S311  no secret
    after_lines = chance.randint(1, BATCHES + 1)

    with writer(local_lake.objects.root, {}, BATCHES) as process:
        process.permit(BATCHES)
        lines = [process.read() for _ in range(after_lines)]
        Event().wait(chance.random() * 0.05)  # somewhere within the batch, or in the last steps
        if process.is_running():
            process.kill()

    found = local_lake.scan_days(TABLE, [DAY]).drop("dt").collect()
    is_new = found.height == table(BATCHES).height
    assert_frame_equal(found, table(BATCHES) if is_new else OLD)
    assert is_new or lines[-1] != "done"
    local_lake.write(TABLE, OLD, DAY)
    assert unfinished(local_lake) == []
