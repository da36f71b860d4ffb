"""What people are told of quarantine: how many, which rule, since when, and whose values not."""

import json
from datetime import date, timedelta

import polars as pl
import pytest
from click.testing import CliRunner

from de_assets.assets.quarantine_report import QuarantineReport, shape, whole_report
from de_assets.cli import main
from de_assets.contracts.base import polars_schema
from de_assets.contracts.raw import QUARANTINE
from de_assets.lifecycle_report import Report
from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets_tests.assets.shop import Shop, line

PRICE = "unit_price.greater_than_or_equal_to(0)"
FIRST = date(2026, 3, 1)


@pytest.fixture
def shop(tmp_path, instance):
    return Shop(tmp_path, instance)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"), S3Options(S3Settings.model_validate({})))


def rows(reason, *, number=1, entity="order_lines", **values):
    """A row of a quarantine that broke one rule."""
    given = {"reasons": [reason], "_source": "a.csv", "_source_row": number, "_batch": "b"}
    return pl.DataFrame([given | values], schema=polars_schema(QUARANTINE[entity]), orient="row")


def told(result, key="quarantine/order_lines"):
    """The findings of each materialization that tells of any, by partition."""
    found = {}
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key.to_user_string() == key:
            table = event.materialization.metadata.get("quarantine")
            if table is not None:
                found[event.partition] = [record.data for record in table.records]
    return found


def test_a_run_tells_which_rule_how_many_since_when_and_where(shop):
    shop.drop("a.csv", line(1, "2026-01-05", price="-4"), line(2, "2026-01-05"))
    shop.drop("b.csv", line(3, "2026-01-07", price="-5"), line(4, "2026-01-07", price="two 5"))

    found = told(shop.ingest("2026-01-05", "2026-01-07"))

    where = {"source": "b.csv", "days": 1, "until": "2026-01-07"}
    assert found == {
        "2026-01-07": [
            {"rule": PRICE, "rows": 2, "since": "2026-01-05", "example": "-5", "source_row": 1}
            | where
            | {"days": 2},
            {"rule": "unit_price.parseable", "rows": 1, "since": "2026-01-07", "source_row": 2}
            | where
            | {"example": "aaa 9"},
        ]
    }


def test_a_later_run_says_since_when_the_rule_is_broken(shop):
    shop.drop("a.csv", line(1, "2026-01-05", price="-4"))
    shop.ingest("2026-01-05")
    shop.drop("b.csv", line(3, "2026-01-09", price="-5"))

    (found,) = told(shop.ingest("2026-01-09")).values()

    assert [(each["rows"], each["since"], each["until"]) for each in found] == [
        (1, "2026-01-05", "2026-01-09")
    ]


def test_a_run_without_broken_rows_tells_nothing(shop):
    shop.drop("a.csv", line(1, "2026-01-05"))

    assert told(shop.ingest("2026-01-05")) == {}


def test_the_report_of_a_run_holds_what_the_materializations_told(shop):
    shop.drop("a.csv", line(1, "2026-01-05", price="-4"))
    report = Report()

    report.add(shop.ingest("2026-01-05", "2026-01-06").all_events, "")

    (finding,) = json.loads(json.dumps(report.to_json()["quarantine"]))["order_lines"]
    assert finding == {
        "rule": PRICE,
        "rows": 1,
        "days": 1,
        "since": "2026-01-05",
        "until": "2026-01-05",
        "example": "-4",
        "source": "a.csv",
        "source_row": 1,
    }


def since_in_a_run(lake, broken_on, day):
    for each in broken_on:
        lake.write("quarantine/order_lines", rows(PRICE), each)
    report = QuarantineReport("order_lines")
    report.add(rows(PRICE).with_columns(dt=pl.lit(day)))
    (finding,) = report.findings(lake, day)
    return finding.since


def test_a_run_looks_thirty_five_days_back_and_says_when_it_is_longer(lake):
    every_day = [FIRST + timedelta(number) for number in range(60)]

    since = since_in_a_run(lake, every_day, FIRST + timedelta(60))

    assert since == f"before {FIRST + timedelta(25)}"


def test_a_rule_that_was_broken_from_the_first_day_of_the_lake_is_broken_since_then(lake):
    every_day = [FIRST + timedelta(number) for number in range(10)]

    assert since_in_a_run(lake, every_day, FIRST + timedelta(10)) == str(FIRST)


def test_another_rule_that_was_broken_before_is_not_taken_for_this_one(lake):
    lake.write("quarantine/order_lines", rows("quantity.not_null"), FIRST)

    assert since_in_a_run(lake, [], FIRST + timedelta(1)) == str(FIRST + timedelta(1))


def test_the_whole_lake_is_looked_at_by_the_command_whatever_its_age(lake, tmp_path):
    for number in (0, 100):
        day = FIRST + timedelta(number)
        lake.write("quarantine/order_lines", rows(PRICE, unit_price=f"-{number + 1}"), day)

    (finding,) = whole_report(lake, "order_lines")

    assert (finding.rows, finding.days) == (2, 2)
    assert (finding.since, finding.until) == ("2026-03-01", "2026-06-09")
    assert finding.example == "-101"


def test_days_that_were_written_before_a_column_was_declared_are_read_too(lake):
    lake.write("quarantine/order_lines", rows(PRICE).drop("description", "quantity"), FIRST)
    lake.write("quarantine/order_lines", rows(PRICE), FIRST + timedelta(1))

    assert [each.rows for each in whole_report(lake, "order_lines")] == [2]


def test_a_table_without_days_has_no_days(lake):
    lake.write("quarantine/products", rows("unit_price.parseable", entity="products"))

    (finding,) = whole_report(lake, "products")

    assert (finding.days, finding.since, finding.until) == (None, "", "")


def test_no_value_of_a_personal_column_or_of_a_whole_row_is_shown(lake):
    given = {"contact_id": "7", "email": "8", "created_at": "Ada Lovelace"}
    for number, reason in enumerate(("contact_id.not_null", "created_at.parseable", "gone")):
        broken = rows(reason, entity="contacts", **given)
        lake.write("quarantine/contacts", broken, FIRST + timedelta(number))
    lake.write("quarantine/order_lines", rows("cancellation_is_not_a_sale", quantity="5"), FIRST)

    assert {each.rule: each.example for each in whole_report(lake, "contacts")} == {
        "contact_id.not_null": "",
        "created_at.parseable": "aaa aaaaaaaa",
        "gone": "",
    }
    assert [each.example for each in whole_report(lake, "order_lines")] == [""]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-4", "-4"),
        ("12.50", "12.50"),
        ("123456", "123456"),
        ("1234567", "9999999"),
        ("1.234567", "9.999999"),
        ("0049 151 2345678", "9999 999 9999999"),
        ("2026-02-30", "2026-02-30"),
        ("0151-23-45", "9999-99-99"),
        ("2026-02-30 10:00", "9999-99-99 99:99"),
        ("Ada Lovelace", "aaa aaaaaaaa"),
        ("ada@example.com", ""),
        ("K\u00f6ln \u6f22", "aaaa a"),
        ("\u0664\u0662", "99"),
        ("e\u0301\x00", "a??"),
        ("\u00a32.50?", "\u00a39.99?"),
        ("x" * 60, "a" * 40 + "..."),
        ("", ""),
        (None, ""),
    ],
)
def test_a_value_is_shown_as_its_shape_but_for_small_numbers_and_dates(text, shown):
    assert shape(text) == shown


def command(shop, *arguments):
    environ = {"DE_ASSETS_LAKE": str(shop.lake)}
    done = CliRunner().invoke(main, ["quarantine", *arguments], env=environ)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_shows_all_tables_one_table_or_one_rule(shop):
    broken = [line(1, "2026-01-05", price="-4"), line(2, "2026-01-05", quantity="0")]
    shop.drop("a.csv", *broken)
    shop.ingest("2026-01-05")

    first, second = command(shop).splitlines()
    assert first == (
        "quarantine/order_lines: quantity.not_equal_to(0): 1 rows, 2026-01-05 to 2026-01-05; such "
        "as `0` in a.csv row 2"
    )
    assert second.startswith(f"quarantine/order_lines: {PRICE}: 1 rows")
    assert second.endswith("such as `-4` in a.csv row 1")
    assert command(shop, "events") == "No row is in quarantine.\n"
    (found,) = json.loads(command(shop, "--rule", PRICE, "--json"))["order_lines"]
    assert found["rule"] == PRICE
    assert command(shop, "--rule", "unheard_of") == "No row breaks unheard_of.\n"
