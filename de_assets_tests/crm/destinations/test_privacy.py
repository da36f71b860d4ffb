"""What the lake keeps of a person for further destinations goes with the person, and with age."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from de_assets.contracts.base import polars_schema, table_info
from de_assets.contracts.crm import Receipts
from de_assets.crm.ledger import Ledger
from de_assets.privacy.holders import ReceiptsOfDestinations, personal_prefixes
from de_assets.privacy.retention import overdue
from de_assets.privacy.tables import receipts_of_others
from de_assets.storage.lake import Lake
from de_assets_tests.crm.leads import TUESDAY, WEDNESDAY

NEWEST = date(2011, 12, 9)
SENT_AT = datetime(2011, 12, 1, tzinfo=UTC).replace(tzinfo=None)


class _Erasure:
    class subject:  # noqa: N801  stands for the one part that is asked for
        contact = frozenset({"a"})


@pytest.fixture
def tables(tmp_path, s3_options) -> Lake:
    return Lake(str(tmp_path / "lake"), s3_options)


def receipts(*contacts: str) -> pl.DataFrame:
    rows = [(each, None, "acknowledged", None, "57", SENT_AT) for each in contacts]
    return pl.DataFrame(rows, schema=polars_schema(Receipts), orient="row")


def test_receipts_of_others_are_found_and_nothing_else_below_crm_is_taken_for_them(tables):
    tables.write("crm/dialer", receipts("a"), TUESDAY)
    tables.write("crm/writeback", receipts("a"), TUESDAY)
    Ledger(tables.objects, "gone").begin(TUESDAY, "run", ["a"])

    assert receipts_of_others(tables) == ["crm/dialer"]


def test_a_person_is_erased_from_the_receipts_of_all_days_and_others_stay(tables):
    tables.write("crm/dialer", receipts("a", "b"), TUESDAY)
    tables.write("crm/dialer", receipts("a"), WEDNESDAY)
    tables.write("crm/office", receipts("b"), TUESDAY)

    counts = ReceiptsOfDestinations(tables).erase(_Erasure)
    again = ReceiptsOfDestinations(tables).erase(_Erasure)

    left = tables.scan_days("crm/dialer", [TUESDAY, WEDNESDAY], polars_schema(Receipts)).collect()
    assert left["contact_id"].to_list() == ["b"]
    assert counts == {"destination_receipts": 2}
    assert again == {}


def test_old_versions_of_their_objects_are_removed_too(tables):
    prefixes = tuple(personal_prefixes())

    assert "crm/dialer/dt=2011-11-29/part-0.parquet".startswith(prefixes)
    assert "crm/_ledger/dialer/ledger.parquet".startswith(prefixes)


def test_receipts_are_kept_as_long_as_those_of_the_crm(tables):
    kept_for = table_info(Receipts).retention_days or 0
    old, young = (NEWEST - timedelta(days=kept_for - each) for each in (0, 1))
    for day in (old, young):
        tables.write("crm/dialer", receipts("a"), day)

    found = [(each.table, each.day) for each in overdue(tables, NEWEST)]

    assert found == [("crm/dialer", old)]
