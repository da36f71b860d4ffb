"""New files run the days they hold: once each, and again when they are overwritten."""

import gzip
import json
from datetime import date

import dagster as dg
import pytest

from de_assets.definitions import build_defs
from de_assets.partitions import unbroken
from de_assets.settings import Settings

HEADER = "order_id,product_id,quantity,ordered_at,unit_price\n"


class Company:
    """A landing directory, a sources file, and the sensor that watches it."""

    def __init__(self, folder):
        self.landing = folder / "landing"
        self.landing.mkdir()
        sources = folder / "sources.yaml"
        sources.write_text(
            json.dumps(
                {
                    "calendar": {"start": "2026-01-01", "end": "2026-03-31"},
                    "currency": "eur",
                    "order_lines": {"url": str(self.landing)},
                }
            )
        )
        self.lake = folder / "lake"
        settings = Settings(lake=str(self.lake), sources=str(sources))
        self.repository = build_defs(settings).get_repository_def()
        self.cursor = None

    def drop(self, name, *days, price="1.00"):
        rows = "".join(f"o-{day},p,1,{day} 10:00:00,{price}\n" for day in days)
        (self.landing / name).write_text(HEADER + rows)

    def tick(self, instance):
        sensor = self.repository.get_sensor_def("new_order_lines_files")
        context = dg.build_sensor_context(
            instance=instance, cursor=self.cursor, repository_def=self.repository
        )
        result = sensor.evaluate_tick(context)
        self.cursor = result.cursor or self.cursor
        return result

    def ranges(self, instance):
        return [
            (
                request.tags["dagster/asset_partition_range_start"],
                request.tags["dagster/asset_partition_range_end"],
            )
            for request in self.tick(instance).run_requests
        ]


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


def test_a_new_file_runs_its_day(company, instance):
    company.drop("a.csv", "2026-01-05")
    assert company.ranges(instance) == [("2026-01-05", "2026-01-05")]


def test_a_file_is_asked_for_once(company, instance):
    company.drop("a.csv", "2026-01-05")
    company.tick(instance)
    assert company.ranges(instance) == []


def test_neighbouring_days_make_one_run_and_a_gap_makes_two(company, instance):
    company.drop("a.csv", "2026-01-05", "2026-01-06")
    company.drop("b.csv", "2026-01-09")
    assert company.ranges(instance) == [
        ("2026-01-05", "2026-01-06"),
        ("2026-01-09", "2026-01-09"),
    ]


def test_a_file_that_is_delivered_again_under_another_name_runs_nothing(company, instance):
    company.drop("a.csv", "2026-01-05")
    company.tick(instance)
    company.drop("again.csv", "2026-01-05")
    assert company.ranges(instance) == []


def test_an_overwritten_file_runs_its_day_again(company, instance):
    company.drop("a.csv", "2026-01-05")
    company.tick(instance)
    company.drop("a.csv", "2026-01-05", price="22.00")
    assert company.ranges(instance) == [("2026-01-05", "2026-01-05")]


def test_a_late_file_runs_only_the_days_it_holds(company, instance):
    company.drop("a.csv", *(f"2026-01-{day:02}" for day in range(1, 20)))
    company.tick(instance)
    company.drop("late.csv", "2026-01-07", price="3.00")
    assert company.ranges(instance) == [("2026-01-07", "2026-01-07")]


def test_a_deleted_file_runs_nothing(company, instance):
    company.drop("a.csv", "2026-01-05")
    company.drop("b.csv", "2026-01-05", price="9.00")
    company.tick(instance)
    (company.landing / "a.csv").unlink()
    assert company.ranges(instance) == []


def test_an_unreadable_file_runs_nothing_and_the_skip_reason_says_so(company, instance):
    whole = gzip.compress((HEADER + "o,p,1,2026-01-05 10:00:00,1\n").encode() * 50)
    (company.landing / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    result = company.tick(instance)
    assert result.run_requests == []
    assert "1 of which cannot be read" in result.skip_message


def test_an_empty_landing_is_skipped_with_words(company, instance):
    assert "Nothing new among 0 files" in company.tick(instance).skip_message


def test_days_outside_the_calendar_run_nothing(company, instance):
    company.drop("a.csv", "2025-12-31", "2026-01-01")
    assert company.ranges(instance) == [("2026-01-01", "2026-01-01")]


def test_equal_contents_ask_for_the_same_run_key(tmp_path, instance):
    keys = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        company = Company(tmp_path / name)
        company.drop("a.csv", "2026-01-05")
        keys.append([request.run_key for request in company.tick(instance).run_requests])
    assert keys[0] == keys[1]


def test_a_sensor_that_is_turned_on_leaves_out_what_was_ingested_before(company, instance):
    company.drop("a.csv", "2026-01-05")
    company.drop("b.csv", "2026-01-06")
    ingested = company.lake / "raw/order_lines/dt=2026-01-05"
    ingested.mkdir(parents=True)
    (ingested / "part-0.parquet").write_bytes(b"any content")
    assert company.ranges(instance) == [("2026-01-06", "2026-01-06")]
    assert company.ranges(instance) == []


def test_files_on_s3_run_their_days_too(tmp_path, instance, s3_server, s3_options, s3_lake_uri):
    bucket = s3_lake_uri.removeprefix("s3://").split("/")[0]
    body = (HEADER + "o,p,1,2026-01-05 10:00:00,1\n").encode()
    s3_options.client.put_object(Bucket=bucket, Key="landing/a.csv", Body=body)
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        json.dumps(
            {
                "calendar": {"start": "2026-01-01", "end": "2026-01-31"},
                "currency": "eur",
                "order_lines": {"url": f"s3://{bucket}/landing/"},
            }
        )
    )
    settings = Settings(lake=s3_lake_uri, sources=str(sources), s3=s3_server)
    repository = build_defs(settings).get_repository_def()
    context = dg.build_sensor_context(instance=instance, repository_def=repository)
    result = repository.get_sensor_def("new_order_lines_files").evaluate_tick(context)
    tags = [request.tags["dagster/asset_partition_range_start"] for request in result.run_requests]
    assert tags == ["2026-01-05"]


def test_stretches_of_days_are_unbroken():
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 4)]
    assert list(unbroken(days)) == [
        (date(2026, 1, 1), date(2026, 1, 2)),
        (date(2026, 1, 4), date(2026, 1, 4)),
    ]
