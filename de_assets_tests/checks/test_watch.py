"""The watch of one run: it keeps what it saw, judges it once, and holds nothing up."""

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from de_assets.checks.days import failing_days_metadata
from de_assets.checks.history import ProfileHistory
from de_assets.checks.watch import CHECKS, arrival_watch, drift_watch, watch_specs
from de_assets.contracts.cleaned import CleanedContacts, CleanedEvents
from de_assets.contracts.source_tables import EVENTS
from de_assets.contracts.tables import TABLES
from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import open_store
from de_assets.storage.table_io_manager import empty_frame

DAY = date(2025, 3, 3)


def no_gap(_day: date) -> bool:
    return False


def arrived(*days: date) -> pl.DataFrame:
    nothing = empty_frame("raw/events").collect()
    some = pl.DataFrame(
        {
            "event_id": [f"e{n}" for n, _ in enumerate(days)],
            "occurred_at": [f"{each} 10:00:00" for each in days],
            "_source": "file",
            "dt": days,
        }
    )
    return pl.concat([nothing, some], how="diagonal_relaxed")


@pytest.fixture
def store(tmp_path, s3_options):
    return open_store(tmp_path, s3_options)


@pytest.mark.parametrize("key", CHECKS)
def test_the_checks_of_a_watched_table_block_nothing(key):
    specs = watch_specs(TABLES[key])

    assert [spec.name for spec in specs] == list(CHECKS[key])
    assert not any(spec.blocking for spec in specs)
    assert all(spec.description for spec in specs)


def test_a_table_that_is_not_watched_has_no_checks_and_no_watch(store):
    assert watch_specs(CleanedContacts) == []
    assert drift_watch(CleanedContacts, store) is None


def test_the_passes_of_a_run_are_judged_together_once(store):
    watch = arrival_watch(EVENTS, store, (), no_gap)
    days = [DAY + timedelta(days=n) for n in range(40)]
    for day in days[:39]:
        watch.add(arrived(*[day] * 30), [day])
    watch.add(arrived(), [days[39]])

    results = {result.check_name: result for result in watch.results()}

    assert set(results) == {"volume", "freshness"}
    assert not results["volume"].passed
    assert results["volume"].severity is dg.AssetCheckSeverity.WARN
    assert results["volume"].metadata["failing_ranges"].value == [[str(days[39]), str(days[39])]]
    assert results["freshness"].passed
    assert ProfileHistory(store, "raw/events").read()["dt"].n_unique() == 40


def test_a_later_run_remembers_the_days_of_the_earlier_one(store):
    days = [DAY + timedelta(days=n) for n in range(40)]
    first = arrival_watch(EVENTS, store, (), no_gap)
    first.add(arrived(*days[:39] * 30), days[:39])
    list(first.results())
    second = arrival_watch(EVENTS, store, (), no_gap)
    second.add(arrived(), [days[39]])

    results = {result.check_name: result for result in second.results()}

    assert not results["volume"].passed
    assert results["volume"].metadata["judged_days"].value == 1


def test_rows_of_a_withheld_day_are_not_profiled(store):
    watch = drift_watch(CleanedEvents, store)
    other = DAY + timedelta(days=1)
    frame = empty_frame("cleaned/events").collect()
    rows = pl.concat([frame, pl.DataFrame({"dt": [DAY, other]})], how="diagonal")

    watch.add(rows, [other])
    list(watch.results())

    assert ProfileHistory(store, "cleaned/events").read()["dt"].unique().to_list() == [other]


def test_a_run_that_made_no_day_passes(store):
    watch = drift_watch(CleanedEvents, store)
    watch.add(empty_frame("cleaned/events").collect(), [])

    assert [result.passed for result in watch.results()] == [True]


class Refusing:
    """A store in which others are always faster."""

    def read(self, key):
        raise FileNotFoundError(key)

    def write(self, key, _data, **_conditions):
        raise PreconditionFailedError("another writer was faster", where=key)


def test_profiles_that_cannot_be_kept_are_a_warning_and_no_failure():
    watch = arrival_watch(EVENTS, Refusing(), (), no_gap)
    watch.add(arrived(DAY), [DAY])

    results = list(watch.results())

    assert [(each.passed, each.severity.value) for each in results] == [(False, "WARN")] * 2
    assert all("cannot be kept" in each.description for each in results)


def test_failing_days_are_told_as_ranges():
    days = [DAY + timedelta(days=n) for n in (5, 0, 1, 2)]

    metadata = failing_days_metadata(days)

    assert metadata["failing_days"] == 4
    assert metadata["failing_ranges"].value == [
        ["2025-03-03", "2025-03-05"],
        ["2025-03-08", "2025-03-08"],
    ]
    assert failing_days_metadata([]) == {}


def test_of_many_failing_days_the_first_are_named_and_the_rest_counted():
    days = [DAY + timedelta(days=2 * n) for n in range(30)]

    assert failing_days_metadata(days)["days"].endswith(" and 10 more")
