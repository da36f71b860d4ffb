"""Which texts are numbers, identifiers, codes; and what is said of the rest."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.transforms.typing import (
    Dialect,
    exact_sum,
    present,
    to_code,
    to_identifier,
    to_label,
    to_number,
    to_text,
    unparsed,
)

PLAIN = Dialect()
BRITISH = Dialect(thousands=",")
GERMAN = Dialect(decimal=",", thousands=".")
NULLS = Dialect(null_values=("NULL", "-999"))


def read(to, value, dialect=PLAIN):
    frame = pl.LazyFrame({"x": pl.Series([value])})
    return frame.select(to("x", dialect)).collect().item()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2.55", 2.55),
        (" 2.55 ", 2.55),
        ("-2", -2.0),
        ("+2", 2.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("£2.55", 2.55),
        ("-£2.55", -2.55),
        ("£-2.55", -2.55),
        ("€ 5", 5.0),
        ("5 €", 5.0),
        ("5 EUR", 5.0),
        ("5eur", 5.0),
        ("USD 5", 5.0),
        ("1 234", 1234.0),
        ("1 234.5", 1234.5),
        ("1\u00a0234", 1234.0),
        ("1'234'567", 1234567.0),
    ],
)
def test_a_number_is_read_as_people_write_it(text, number):
    assert read(to_number, text) == number


@pytest.mark.parametrize(
    "text",
    [
        "12abc",
        "2 DOZ",
        "abc",
        "NaN",
        "inf",
        "-Infinity",
        "1e999",
        "2€55",
        "2 4",
        "10 20",
        "1,5",
        "1.2.3",
        "--5",
        "5-",
        "0x10",
        "1_000",
        ".",
        "-",
        "e5",
        "EUR",
        "£",
    ],
)
def test_what_is_no_number_is_unreadable_rather_than_a_guess(text):
    frame = pl.LazyFrame({"x": [text]})
    number = to_number("x", PLAIN)

    found = frame.select(number, unparsed("x", number, PLAIN)).collect()

    assert found.row(0) == (None, True)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,50 EUR", 1234.5),
        ("1.234", 1234.0),
        ("2,55", 2.55),
        ("12.345.678,9", 12345678.9),
        ("2.55", None),
        ("1.23,4", None),
        ("1234.567", None),
        ("1,5,5", None),
    ],
)
def test_a_dot_groups_digits_only_in_groups_of_thousands(text, number):
    assert read(to_number, text, GERMAN) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234.5", 1234.5), ("1,23,456", 123456.0), ("12,34", None), ("2.55", 2.55)],
)
def test_a_comma_groups_digits_where_the_dialect_says_so(text, number):
    assert read(to_number, text, BRITISH) == number


def test_a_decimal_comma_without_thousands_leaves_the_dot_unreadable():
    assert read(to_number, "2.55", Dialect(decimal=",")) is None
    assert read(to_number, "2,55", Dialect(decimal=",")) == 2.55


@pytest.mark.parametrize("dialect", [PLAIN, BRITISH, GERMAN])
@pytest.mark.parametrize("value", [2.55, -3, 1e-7, 1e20])
def test_a_typed_number_is_itself_whatever_the_dialect(dialect, value):
    assert read(to_number, value, dialect) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "", "  "])
def test_no_number_is_made_of_nothing_or_of_no_finite_value(value):
    assert read(to_number, value) is None


@pytest.mark.parametrize("value", [None, "", "  ", "NULL", " NULL ", "-999", -999])
def test_a_declared_null_value_is_nothing_and_not_unreadable(value):
    frame = pl.LazyFrame({"x": pl.Series([value])})
    number = to_number("x", NULLS)

    found = frame.select(number, unparsed("x", number, NULLS), text=to_text("x", NULLS)).collect()

    assert found.row(0) == (None, False, None)
    assert frame.select(present("x", PLAIN)).collect().item() == value


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_from_its_own_text(value):
    assert read(to_number, repr(value)) == value


@settings(max_examples=100, deadline=None)
@given(st.decimals(-(10**9), 10**9, places=2))
def test_an_amount_is_the_same_in_every_dialect(amount):
    german = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))

    found = read(to_number, german, GERMAN), read(to_number, f"{amount:,.2f}", BRITISH)

    assert found == (float(amount), float(amount))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("17850", "17850"),
        ("17850.0", "17850"),
        (17850.0, "17850"),
        (17850, "17850"),
        (" 017 ", "017"),
        ("17850.00", "17850"),
        ("17850.5", "17850.5"),
        ("C17850.0", "C17850.0"),
        ("10.0.0", "10.0.0"),
        ("", None),
    ],
)
def test_an_identifier_that_went_through_a_float_is_itself_again(value, text):
    assert read(to_identifier, value) == text


def test_codes_are_upper_case_and_labels_lower_case():
    assert read(to_code, " 85123a ") == "85123A"
    assert read(to_code, "85123.0") == "85123"
    assert read(to_label, " E-Mail ") == "e-mail"


@pytest.mark.parametrize("to", [to_text, to_identifier, to_code, to_label, to_number])
def test_a_column_of_nothing_at_all_stays_nothing(to):
    frame = pl.LazyFrame({"x": [None, None]}, schema={"x": pl.Null})

    assert frame.select(to("x", NULLS)).collect()["x"].null_count() == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**9), 10**9)), st.randoms(use_true_random=False))
def test_an_exact_sum_is_exact_in_any_order(cents, random):
    shuffled = random.sample(cents, len(cents))
    frame = pl.LazyFrame({"x": [cent / 100 for cent in shuffled]}, schema={"x": pl.Float64})

    assert frame.select(exact_sum(pl.col("x"))).collect().item() == sum(cents) / 100
