"""The history of profiles: one small object, replaced by day, safe under concurrent runs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import polars as pl
import pytest

from de_assets.checks.history import ATTEMPTS, KEPT_DAYS, ProfileHistory
from de_assets.checks.profile import SCHEMA, profile_of_rows
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import open_store

DAY = date(2025, 3, 3)


def rows(day: date, count: int) -> pl.DataFrame:
    return profile_of_rows(pl.DataFrame({"dt": [day] * count}, schema={"dt": pl.Date}), [day])


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path, s3_options):
    if request.param == "local":
        return open_store(tmp_path, s3_options)
    return open_store(request.getfixturevalue("s3_lake_uri"), s3_options)


def test_nothing_is_known_of_a_new_table(store):
    known = ProfileHistory(store, "raw/events").read()

    assert known.is_empty()
    assert known.schema == SCHEMA


def test_a_day_that_is_made_again_replaces_what_was_known_of_it(store):
    history = ProfileHistory(store, "raw/events")
    history.replace(pl.concat([rows(DAY, 5), rows(DAY + timedelta(days=1), 6)]))

    history.replace(rows(DAY, 7))

    assert history.read()["value"].to_list() == [7, 6]
    assert [info.key for info in store.list()] == ["_profiles/raw/events.parquet"]


def test_tables_do_not_mix(store):
    ProfileHistory(store, "raw/events").replace(rows(DAY, 5))

    assert ProfileHistory(store, "raw/order_lines").read().is_empty()


def test_only_the_newest_days_are_kept(tmp_path, s3_options):
    history = ProfileHistory(open_store(tmp_path, s3_options), "raw/events")
    days = [DAY + timedelta(days=n) for n in range(KEPT_DAYS + 30)]

    together = history.replace(pl.concat([rows(day, 1) for day in days]))

    assert together.height == KEPT_DAYS + 30
    assert history.read()["dt"].to_list() == days[30:]


def test_writers_at_once_lose_nothing(tmp_path, s3_options):
    store = open_store(tmp_path, s3_options)
    days = [DAY + timedelta(days=n) for n in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda day: ProfileHistory(store, "t/t").replace(rows(day, 1)), days))

    assert ProfileHistory(store, "t/t").read()["dt"].to_list() == days


class Contested:
    """A store in which another writer is faster, a number of times."""

    def __init__(self, store, times: int) -> None:
        self._store = store
        self.times = times

    def read(self, key):
        return self._store.read(key)

    def write(self, key, data, **conditions):
        if self.times:
            self.times -= 1
            other = rows(DAY - timedelta(days=1 + self.times), 9)
            ProfileHistory(self._store, "t/t").replace(other)
        return self._store.write(key, data, **conditions)


def test_a_lost_race_is_run_again_on_what_the_other_wrote(tmp_path, s3_options):
    store = open_store(tmp_path, s3_options)

    ProfileHistory(Contested(store, ATTEMPTS - 1), "t/t").replace(rows(DAY, 1))

    assert ProfileHistory(store, "t/t").read().height == ATTEMPTS


def test_races_that_are_lost_again_and_again_end_in_an_error(tmp_path, s3_options):
    store = open_store(tmp_path, s3_options)

    with pytest.raises(PreconditionFailedError):
        ProfileHistory(Contested(store, ATTEMPTS), "t/t").replace(rows(DAY, 1))
