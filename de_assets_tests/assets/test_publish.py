"""What is refused before anything is written."""

from datetime import date

import dagster as dg
import polars as pl
import pytest

from de_assets.assets.publish import Publisher
from de_assets.contracts.modeled import ContactDaily
from de_assets.errors import StorageError
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import empty_frame


@pytest.fixture
def publisher(tmp_path):
    lake = Lake(str(tmp_path), S3Options(S3Settings.model_validate({})))
    return Publisher(dg.build_asset_context(), ContactDaily, lake)


def one_row(day):
    empty = empty_frame("modeled/contact_daily").collect()
    return (
        pl.DataFrame({"contact_id": ["1"], "dt": [day]})
        .join(empty, on=["contact_id", "dt"], how="left")
        .select(pl.col(name).cast(dtype) for name, dtype in empty.schema.items())
    )


def test_rows_of_a_day_that_was_not_asked_for_are_refused_and_not_dropped(publisher):
    with pytest.raises(StorageError, match="days came that were not asked for"):
        publisher.publish(one_row(date(2026, 1, 2)), [date(2026, 1, 1)])
    assert publisher.lake.days("modeled/contact_daily") == []


def test_a_day_with_broken_rows_is_withheld_and_a_day_without_rows_is_written(publisher):
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    publisher.publish(one_row(first), [first, second])  # every count of the row is null
    assert publisher.lake.days("modeled/contact_daily") == [second]
    assert publisher.report(first).problem == "1 rows break the contract"
