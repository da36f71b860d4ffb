"""What is older than its contract allows goes, by the calendar of the data; the rest stays."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import dagster as dg
import polars as pl
import pytest

from de_assets.automation.retention import retention_job, retention_schedule
from de_assets.contracts.base import columns, polars_schema, table_info
from de_assets.contracts.tables import TABLES
from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.retention import Overdue, newest_day, overdue, sweep
from de_assets.settings import Environment, Settings
from de_assets.sources.config import Calendar
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets_tests.privacy.rings import keyring

NEWEST = date(2011, 12, 9)
DAILY = [key for key, contract in TABLES.items() if table_info(contract).is_daily]
LIMITED = [key for key in DAILY if table_info(TABLES[key]).retention_days is not None]
SHORTER = [
    (key, info.name)
    for key in DAILY
    for info in columns(TABLES[key])
    if info.retention_days and info.retention_days != table_info(TABLES[key]).retention_days
]


@pytest.fixture
def lake(tmp_path, s3_options: S3Options) -> Lake:
    return Lake(str(tmp_path / "lake"), s3_options)


@pytest.fixture
def log(lake: Lake) -> AuditLog:
    return AuditLog(lake.objects, keyring(), "tester")


def _filled(key: str) -> pl.DataFrame:
    """One row with a value in every column."""
    values = {pl.Int64: 1, pl.Int32: 1, pl.UInt32: 1, pl.Float64: 1.0, pl.Boolean: True}
    values |= {pl.Date: date(2011, 1, 1), pl.Datetime: datetime(2011, 1, 1), pl.List: ["x"]}  # noqa: DTZ001
    return pl.DataFrame(
        {
            name: pl.Series([values.get(dtype.base_type(), "x")], dtype=dtype)
            for name, dtype in polars_schema(TABLES[key]).items()
        }
    )


def _write(lake: Lake, key: str, ages: list[int]) -> None:
    for age in ages:
        lake.write(key, _filled(key), NEWEST - timedelta(days=age))


def _ages(lake: Lake, key: str) -> list[int]:
    return sorted((NEWEST - day).days for day in lake.days(key))


@pytest.mark.parametrize("key", LIMITED)
def test_a_partition_goes_on_the_day_on_which_its_time_is_over(
    lake: Lake, log: AuditLog, key: str
) -> None:
    limit = table_info(TABLES[key]).retention_days
    assert limit is not None
    _write(lake, key, [0, limit - 1, limit, limit + 500])

    swept = sweep(lake, NEWEST, log)

    assert _ages(lake, key) == [0, limit - 1]
    assert swept.counts()["partitions"] == 2


def test_a_table_without_a_limit_keeps_everything(lake: Lake, log: AuditLog) -> None:
    unlimited = sorted(set(DAILY) - set(LIMITED))
    assert "cleaned/order_lines" in unlimited
    for key in unlimited:
        _write(lake, key, [0, 10_000])

    assert sweep(lake, NEWEST, log).overdue == ()
    assert not log.verify().entries


def test_direct_identifiers_of_raw_have_a_limit_of_their_own() -> None:
    assert {("raw/contacts", "email"), ("raw/contacts", "phone"), ("raw/events", "_extra")} <= set(
        SHORTER
    )


@pytest.mark.parametrize("key", sorted({key for key, _ in SHORTER}))
def test_a_column_loses_its_values_and_the_rows_stay(lake: Lake, log: AuditLog, key: str) -> None:
    names = tuple(name for table, name in SHORTER if table == key)
    (limit,) = {i.retention_days for i in columns(TABLES[key]) if i.name in names}
    assert limit is not None
    _write(lake, key, [limit - 1, limit])
    whole = _filled(key)

    swept = sweep(lake, NEWEST, log)

    def day(age: int) -> pl.DataFrame:
        days = [NEWEST - timedelta(days=age)]
        return lake.scan_days_of_any_type(key, days).drop("dt").collect()

    assert day(limit - 1).equals(whole)
    assert day(limit).equals(whole.with_columns(pl.lit(None, pl.String).alias(n) for n in names))
    assert swept.overdue == (Overdue(key, NEWEST - timedelta(days=limit), names),)


def test_what_is_null_already_is_not_written_again(lake: Lake, log: AuditLog) -> None:
    _write(lake, "raw/contacts", [500])
    sweep(lake, NEWEST, log)
    before = [(info.key, info.version) for info in lake.objects.list("raw/")]

    again = sweep(lake, NEWEST, log)

    assert again.overdue == ()
    assert [(info.key, info.version) for info in lake.objects.list("raw/")] == before
    assert len(log.verify().entries) == 1


def test_a_dry_run_lists_and_changes_nothing(lake: Lake, log: AuditLog) -> None:
    _write(lake, "raw/contacts", [500, 2_000])
    before = [(info.key, info.version) for info in lake.objects.list()]

    swept = sweep(lake, NEWEST, log, dry_run=True)

    assert [bool(each.columns) for each in swept.overdue] == [False, True]
    assert [(info.key, info.version) for info in lake.objects.list()] == before


def test_the_audit_log_says_how_much(lake: Lake, log: AuditLog) -> None:
    _write(lake, "raw/contacts", [500, 2_000, 3_000])

    sweep(lake, NEWEST, log)

    (entry,) = log.verify().entries
    assert (entry.action, entry.actor, entry.subject) == ("retention", "tester", None)
    assert entry.details == {
        "partitions": 2,
        "partitions_without_columns": 1,
        "old_versions": 0,
    }


def test_a_bucket_keeps_no_old_version_of_what_went(
    s3_lake_uri: str, s3_options: S3Options
) -> None:
    s3_options.client.put_bucket_versioning(
        Bucket=s3_lake_uri.split("/")[2], VersioningConfiguration={"Status": "Enabled"}
    )
    lake = Lake(s3_lake_uri, s3_options)
    _write(lake, "raw/contacts", [500, 2_000])

    swept = sweep(lake, NEWEST, AuditLog(lake.objects, keyring()))

    versions = s3_options.client.list_object_versions(
        Bucket=s3_lake_uri.split("/")[2], Prefix="prefix/raw/"
    )
    assert [each["IsLatest"] for each in versions["Versions"]] == [True]
    assert "DeleteMarkers" not in versions
    assert swept.old_versions == 3  # the deleted one, its marker, the one before it was nulled


def test_age_is_counted_from_the_calendar_and_else_from_yesterday() -> None:
    start = date(2009, 12, 1)

    assert newest_day(Calendar(start=start, end=NEWEST)) == NEWEST
    assert newest_day(Calendar(start=start), today=date(2026, 3, 1)) == date(2026, 2, 28)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert newest_day(Calendar(start=start)) in {yesterday, yesterday + timedelta(days=1)}


def test_an_empty_lake_has_nothing_overdue(lake: Lake, log: AuditLog) -> None:
    assert list(overdue(lake, NEWEST)) == []
    assert sweep(lake, NEWEST, log).counts()["old_versions"] == 0


@pytest.mark.parametrize("is_dry", [False, True])
def test_the_job_sweeps_and_names_its_run(lake: Lake, log: AuditLog, *, is_dry: bool) -> None:
    _write(lake, "raw/contacts", [0, 2_000])
    calendar = Calendar(start=date(2005, 1, 1), end=NEWEST)
    ring = keyring(Settings().pii_key.get_secret_value())
    job = retention_job(partial(AuditLog, lake.objects, ring), calendar, lake)

    with dg.DagsterInstance.ephemeral() as own:
        result = job.execute_in_process(
            instance=own,
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {"sweep": {"config": {"dry_run": is_dry}}},
            },
        )

    assert result.success
    assert _ages(lake, "raw/contacts") == ([0, 2_000] if is_dry else [0])
    entries = AuditLog(lake.objects, ring).verify()
    assert [entry.actor for entry in entries.entries] == (
        [] if is_dry else [f"run {result.run_id}"]
    )


@pytest.mark.parametrize(
    ("environment", "status"),
    [(Environment.LOCAL, "STOPPED"), (Environment.STAGING, "RUNNING")],
)
def test_the_schedule_waits_for_a_click_only_on_a_developers_machine(
    lake: Lake, environment: Environment, status: str
) -> None:
    settings = Settings(
        environment=environment,
        lake=lake.objects.root,
        sources="sources.yaml",
        pii_key="a key that is not the public one",
        crm_access_token="a token that is not the public one",
    )
    job = retention_job(partial(AuditLog, lake.objects, keyring()), Calendar(start=NEWEST), lake)

    schedule = retention_schedule(settings, job)

    assert schedule.default_status.name == status
    assert schedule.cron_schedule == "0 6 * * *"
