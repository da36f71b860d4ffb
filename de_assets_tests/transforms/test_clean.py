"""Raw rows to typed rows, table by table, on the awkward world."""

from collections import Counter
from datetime import date

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.tables import TABLES
from de_assets.transforms.clean import (
    clean_contacts,
    clean_events,
    clean_order_lines,
    clean_products,
    is_cancellation,
)
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.tokens import tokenise
from de_assets.transforms.typing import Dialect
from de_assets_tests.world import (
    ANNA,
    BORIS,
    CONTACTS,
    DIALECT,
    DORA,
    EVENTS,
    MONDAY,
    ORDER_LINES,
    PII_KEY,
    PRODUCTS,
    TUESDAY,
    as_parquet,
    moment,
    raw,
)

CLEAN = {
    "order_lines": clean_order_lines,
    "events": clean_events,
    "products": clean_products,
    "contacts": clean_contacts,
}
every_table = pytest.mark.parametrize("name", CLEAN)


def cleaned(name, rows=None, dialect=DIALECT):
    arrived = raw(name) if rows is None else rows
    return CLEAN[name](arrived, dialect, lambda: PII_KEY).sort("_row").collect()


def kept(name, rows=None, dialect=DIALECT):
    """Rows that are no duplicates, and what the audit says of them."""
    frame = cleaned(name, rows, dialect).filter(~pl.col(IS_DUPLICATE)).drop(IS_DUPLICATE)
    contract = TABLES[f"cleaned/{name}"]
    ordered = frame.select(*polars_schema(contract), pl.exclude(*polars_schema(contract)))
    verdict = audit(contract, ordered.drop("_row"))
    assert verdict.structural == ()
    return ordered, verdict


@every_table
def test_every_arrived_row_is_accounted_for(name):
    arrived = raw(name).collect()

    found = cleaned(name)

    assert found["_row"].to_list() == arrived["_row"].to_list()
    assert found[IS_DUPLICATE].dtype == pl.Boolean


@every_table
def test_the_columns_are_those_of_the_contract_and_the_marks(name):
    schema = polars_schema(TABLES[f"cleaned/{name}"])

    found = cleaned(name).schema

    assert {column: found[column] for column in schema} == dict(schema)
    rest = set(found) - set(schema)
    assert {column for column in rest if not column.startswith("_unparsed_")} == {
        "dt",
        "_row",
        IS_DUPLICATE,
    }


@every_table
def test_no_rows_at_all_are_cleaned_to_no_rows(name):
    found = cleaned(name, raw(name).clear().lazy())

    assert found.is_empty()
    assert found.columns == cleaned(name).columns


@every_table
def test_typed_rows_are_cleaned_like_the_same_rows_as_text(name):
    rows, verdict = kept(name)
    readable = rows.filter(~verdict.rejected())["_row"]
    of_text = raw(name).filter(pl.col("_row").is_in(readable.implode()))

    typed, _ = kept(name, as_parquet(of_text))

    assert typed.equals(kept(name, of_text)[0])
    assert typed.height > 0


@every_table
def test_the_order_in_which_polars_hands_over_the_rows_does_not_matter(name):
    shuffled = raw(name).collect().sample(fraction=1, shuffle=True, seed=3).lazy()

    assert cleaned(name, shuffled).equals(cleaned(name))


def test_an_order_line_is_trimmed_typed_and_its_code_in_upper_case():
    first = cleaned("order_lines").row(0, named=True)

    assert first | {"_row": 0} == first
    assert {name: first[name] for name in polars_schema(TABLES["cleaned/order_lines"])} == {
        "order_id": "536365",
        "line_number": 1,
        "product_id": "85123A",
        "description": "HOLDER",
        "quantity": 6.0,
        "unit_price": 2.55,
        "ordered_at": moment("2011-03-07 08:26"),
        "contact_id": ANNA,
        "country": "UK",
        "is_cancellation": False,
    }


def test_equal_lines_of_a_file_stay_and_a_redelivery_adds_only_what_is_new():
    rows, _ = kept("order_lines")

    lines = Counter(rows.select("order_id", "line_number").iter_rows())
    assert lines[("536366", 1)] == lines[("536366", 2)] == 1
    # Once in the first file, twice in the second: the second file knows of one line more.
    assert lines[("536365", 1)] == lines[("536365", 2)] == 1
    assert rows.height == len(ORDER_LINES) - 2


def test_a_declared_null_and_an_empty_text_are_nothing():
    guest = cleaned("order_lines").filter(order_id="536367").row(0, named=True)

    assert guest["description"] is None
    assert guest["contact_id"] is None
    assert guest["unit_price"] == 0


def test_broken_order_lines_are_told_apart_by_their_rules():
    rows, verdict = kept("order_lines")

    reasons = dict(zip(rows["order_id"], verdict.reasons(), strict=True))
    assert {key: list(value) for key, value in reasons.items() if len(value)} == {
        "A536370": ["unit_price.greater_than_or_equal_to(0)"],
        "536371": ["quantity.parseable"],
        "C536372": ["cancellation_is_not_a_sale"],
    }


def test_two_lines_that_differ_only_in_what_cannot_be_read_are_two_lines():
    line = next(row for row in ORDER_LINES if "a few" in row)
    again = ("again", *line[1:])
    other = tuple("a lot" if value == "a few" else value for value in again)

    same, _ = kept("order_lines", raw("order_lines", [line, again]))
    different, _ = kept("order_lines", raw("order_lines", [line, other]))

    assert (same.height, different.height) == (1, 2)


@pytest.mark.parametrize(
    ("prefix", "order_id", "quantity", "expected"),
    [
        ("C", "C1", -1.0, True),
        ("C", "c1", -1.0, True),
        ("c", "C1", 1.0, True),
        ("C", "1", -1.0, False),
        ("C", None, -1.0, False),
        (None, "C1", 1.0, False),
        (None, "1", -1.0, True),
        (None, "1", None, False),
    ],
)
def test_a_cancellation_shows_by_its_declared_prefix_else_by_its_sign(
    prefix, order_id, quantity, expected
):
    frame = pl.LazyFrame(
        {"order_id": [order_id], "quantity": [quantity]},
        schema={"order_id": pl.String, "quantity": pl.Float64},
    )

    found = frame.select(is_cancellation(Dialect(cancellation_prefix=prefix))).collect()

    assert found.item() is expected


@pytest.mark.parametrize(
    ("text", "day"),
    [("2/10/2011 9:00", date(2011, 10, 2)), ("2/10/2011 9:00", date(2011, 2, 10))],
)
def test_the_day_of_a_row_tells_day_first_from_month_first(text, day):
    line = list(ORDER_LINES[0])
    line[5] = text
    rows = raw("order_lines", [tuple(line)]).with_columns(dt=pl.lit(day))

    found = cleaned("order_lines", rows)

    assert found["ordered_at"].item() == moment(f"{day} 09:00")
    assert not found["_unparsed_ordered_at"].item()


def test_an_event_delivered_again_counts_once_and_in_its_last_version():
    rows, verdict = kept("events")

    assert rows.filter(event_id="e6")["event_type"].to_list() == ["purchase"]
    assert rows["event_id"].null_count() == 2  # twice in one delivery: the tracker says two
    reasons = dict(zip(rows["event_id"], verdict.reasons(), strict=True))
    assert list(reasons["e7"]) == ["somebody_did_it"]
    assert verdict.rejected().sum() == 1


def test_labels_of_events_are_lower_case_and_codes_upper_case():
    first = cleaned("events").row(0, named=True)

    assert (first["event_type"], first["channel"], first["product_id"]) == (
        "view",
        "email",
        "85123A",
    )


def test_an_event_without_id_delivered_again_by_another_file_is_a_duplicate():
    again = [("events_2", *row[1:]) for row in EVENTS if not row[1]]

    rows, _ = kept("events", raw("events", [*EVENTS, *again]))

    assert rows["event_id"].null_count() == 2


def test_of_a_product_the_last_delivered_row_counts():
    rows, verdict = kept("products")

    assert rows["product_id"].to_list() == ["85123A", "99999", "88888"]
    assert rows["name"].to_list()[0] == "White hanging holder"
    assert [list(reasons) for reasons in verdict.reasons()] == [[], [], ["unit_price.parseable"]]
    assert len(PRODUCTS) == cleaned("products").height


def test_of_a_contact_the_version_changed_last_counts_whatever_came_first():
    backwards = raw("contacts", CONTACTS[::-1])

    for rows in (None, backwards):
        found = kept("contacts", rows)[0].filter(contact_id=ANNA)
        assert found["lifecycle_stage"].to_list() == ["customer"]


def test_identifiers_of_contacts_become_tokens_and_traces_of_a_name():
    found = cleaned("contacts")

    anna = found.filter(contact_id=ANNA)
    email, phone = tokenise(pl.Series(["anna@example.com", "442079460000"]), PII_KEY)
    assert anna["email_token"].to_list() == [email, email]
    assert anna["phone_token"].to_list() == [phone, phone]
    assert anna["has_name"].to_list() == [True, True]
    boris = found.filter(contact_id=BORIS).row(0, named=True)
    assert (boris["has_name"], boris["is_company"], boris["phone_token"]) == (False, True, None)
    assert not {"email", "phone", "first_name", "last_name", "company"} & set(found.columns)


def test_an_unreadable_moment_of_a_contact_is_a_reason():
    rows, verdict = kept("contacts")

    reasons = dict(zip(rows["contact_id"], verdict.reasons(), strict=True))
    assert list(reasons[DORA]) == ["created_at.parseable"]
    assert verdict.rejected().sum() == 1


def test_days_are_kept_apart():
    line = ORDER_LINES[0]
    rows = pl.concat(
        [
            raw("order_lines", [line]).with_columns(dt=pl.lit(day), _row=pl.lit(row, pl.UInt32))
            for row, day in enumerate((MONDAY, TUESDAY))
        ]
    )

    assert cleaned("order_lines", rows)[IS_DUPLICATE].to_list() == [False, False]


def test_declared_formats_are_the_only_ones():
    strange, usual = (list(ORDER_LINES[0]) for _ in range(2))
    strange[5] = "2011.07.03 - 8h26"
    rows = raw("order_lines", [tuple(strange), tuple(usual)]).with_columns(dt=pl.lit(MONDAY))

    found = cleaned("order_lines", rows, Dialect(datetime_formats=("%Y.%d.%m - %Hh%M",)))

    assert found["ordered_at"].to_list() == [moment("2011-03-07 08:26"), None]
    assert found["_unparsed_ordered_at"].to_list() == [False, True]
