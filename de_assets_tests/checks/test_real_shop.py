"""The real shop: no alarm on the days without trade, and few and good ones on the others."""

import tarfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from de_assets.checks.drift import judge_drift
from de_assets.checks.freshness import LAG, judge_freshness
from de_assets.checks.profile import (
    Watched,
    profile_of_arrival,
    profile_of_rows,
    profile_of_values,
)
from de_assets.checks.volume import judge_volume
from de_assets.contracts.audit import UNPARSED, audit
from de_assets.contracts.base import columns
from de_assets.contracts.cleaned import CleanedOrderLines
from de_assets.contracts.source_tables import ORDER_LINES
from de_assets.deployment import Deployment
from de_assets.settings import Settings
from de_assets.transforms.clean import clean_order_lines
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.quarantine import in_order_of_arrival

PROJECT = Path(__file__).parents[2]
FILES = PROJECT.parent / "shared" / "data" / "online_retail_ii"
DAYS_A_PASS = 150
DELIVERED_TWICE = [date(2010, 12, n) for n in (1, 2, 3, 5, 6, 7, 8, 9)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_shop,
    pytest.mark.skipif(not FILES.is_dir(), reason=f"the real shop's files are not in {FILES.name}"),
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """The committed sources file, with the landing where this test unpacks the files."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "year_2009_2010.parquet").symlink_to(FILES / "year_2009_2010.parquet")
    with tarfile.open(FILES / "year_2010_2011_by_day.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    content = yaml.safe_load((PROJECT / "data/sources/online-retail-ii.yaml").read_text())
    content["order_lines"]["url"] = str(folder)
    path = folder / "sources.yml"
    path.write_text(yaml.safe_dump(content))
    return Deployment(Settings(lake=str(folder / "lake"), sources=str(path))).catalog


@pytest.fixture(scope="module")
def days(catalog):
    start = catalog.sources.calendar.start
    return [start + timedelta(days=n) for n in range(739)]


@pytest.fixture(scope="module")
def profiles(catalog, days):
    """Profiles of raw and of cleaned order lines."""
    files = catalog.files("order_lines")
    raw, cleaned = [], []
    for first in range(0, len(days), DAYS_A_PASS):
        together = days[first : first + DAYS_A_PASS]
        arrived = files.read(together)
        raw.append(profile_of_rows(arrived, together))
        raw.append(profile_of_arrival(arrived, ORDER_LINES.columns, "ordered_at", ()))
        kept = cleaned_rows(arrived, catalog)
        cleaned.append(profile_of_rows(kept, together))
        cleaned.append(profile_of_values(Watched.of(CleanedOrderLines), kept))
    return pl.concat(raw), pl.concat(cleaned)


def cleaned_rows(arrived: pl.DataFrame, catalog) -> pl.DataFrame:
    typed = clean_order_lines(
        in_order_of_arrival(arrived.lazy()), catalog.dialect("order_lines"), lambda: b"k" * 32
    )
    distinct = typed.filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE, "_row").collect()
    contract_columns = [name for name in distinct.columns if not name.startswith(UNPARSED)]
    rejected = audit(CleanedOrderLines, in_contract_order(distinct)).rejected()
    return distinct.filter(~rejected).select(contract_columns)


def in_contract_order(frame: pl.DataFrame) -> pl.DataFrame:
    declared = [info.name for info in columns(CleanedOrderLines)]
    return frame.select(*declared, pl.exclude(declared))


def test_the_135_days_without_trade_give_no_alarm(profiles, days, catalog):
    raw, _ = profiles
    is_gap = catalog.sources.calendar.is_gap
    without_trade = raw.filter(measure="rows", value=0)["dt"].to_list()

    volume = judge_volume(raw, days, is_gap).failing_days
    freshness = judge_freshness(raw, days, is_gap).failing_days

    assert len(without_trade) == 135
    assert not set(without_trade) & {*volume, *freshness}


def test_the_eight_days_that_were_delivered_twice_are_told(profiles, days, catalog):
    raw, _ = profiles

    alarms = judge_volume(raw, days, catalog.sources.calendar.is_gap).alarms

    assert alarms.filter(measure="duplicate share")["dt"].to_list() == DELIVERED_TWICE
    # A fifth, a tenth and a quarter of a usual day's rows.
    assert alarms.filter(measure="rows")["dt"].to_list() == [
        date(2010, 12, 19),
        date(2010, 12, 22),
        date(2011, 2, 6),
    ]


def test_the_day_on_which_the_files_end_at_noon_is_the_only_one_that_is_not_fresh(
    profiles, days, catalog
):
    raw, _ = profiles

    alarms = judge_freshness(raw, days, catalog.sources.calendar.is_gap).alarms

    assert alarms.select("dt", "measure").rows() == [(date(2011, 12, 9), LAG)]


def test_values_drift_on_few_days_of_two_years(profiles, days):
    _, cleaned = profiles

    judgement = judge_drift(cleaned, days)

    assert judgement.days_without_history == 135 + 7
    assert judgement.failing_days == [date(2010, 1, 7), date(2011, 8, 30)]


@pytest.mark.parametrize("closed", ["saturday", "nothing"])
def test_saturdays_need_no_declaration_but_holidays_do(profiles, days, catalog, closed):
    raw, _ = profiles
    gaps = catalog.sources.calendar

    def is_gap(day):
        return closed == "saturday" and day.weekday() == 5

    found = set(judge_volume(raw, days, is_gap).failing_days)

    holidays = {day for day in days if gaps.is_gap(day) and day.weekday() != 5}
    saturdays = {day for day in days if day.weekday() == 5}
    assert not found & saturdays
    assert len(found & holidays) >= 15
