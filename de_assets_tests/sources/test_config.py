"""The sources file: what it may say, and what is said when it says something else."""

import json
from datetime import date
from pathlib import Path

import pytest

from de_assets.errors import SourcesError
from de_assets.sources import Calendar, Sources, load_sources

HEAD = "calendar: {start: 2009-12-01, end: 2011-12-09}\ncurrency: gbp\n"
ORDERS = HEAD + "order_lines:\n  url: landing/\n"
REPOSITORY = Path(__file__).parents[2]


def loaded(tmp_path: Path, text: str) -> Sources:
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    return load_sources(path)


def refused(tmp_path: Path, text: str) -> SourcesError:
    with pytest.raises(SourcesError) as error:
        loaded(tmp_path, text)
    assert str(tmp_path / "sources.yaml") in error.value.where
    assert error.value.fix
    return error.value


def test_a_table_that_is_left_out_is_empty(tmp_path):
    sources = loaded(tmp_path, HEAD)

    assert [
        sources.of_table(name) for name in ("order_lines", "products", "contacts", "events")
    ] == [None] * 4
    assert sources.currency == "gbp"
    assert sources.write_back.mode == "update_only"


def test_names_of_columns_are_listed_in_order_of_preference(tmp_path):
    source = loaded(
        tmp_path, ORDERS + "  columns: {order_id: [Invoice, InvoiceNo], country: Country}\n"
    ).order_lines

    assert source is not None
    assert source.names_of("order_id") == ("Invoice", "InvoiceNo")
    assert source.names_of("country") == ("Country",)
    assert source.names_of("quantity") == ("quantity",)


def test_every_option_of_files_is_read(tmp_path):
    source = loaded(
        tmp_path,
        ORDERS
        + """
  separator: ";"
  encoding: cp1252
  decimal: ","
  thousands: "."
  datetime_format: ["%d.%m.%Y %H:%M", "%s"]
  null_values: [NULL, "n/a", ""]
  cancellation: {order_id_prefix: C}
write_back: {mode: upsert}
""".replace("[NULL", "['NULL'"),
    )

    orders = sources_orders(source)
    assert (orders.separator, orders.encoding, orders.decimal, orders.thousands) == (
        ";", "cp1252", ",", ".",
    )  # fmt: skip
    assert orders.datetime_format == ("%d.%m.%Y %H:%M", "%s")
    assert orders.null_values == ("NULL", "n/a", "")
    assert orders.cancellation.order_id_prefix == "C"
    assert source.write_back.mode == "upsert"


def sources_orders(sources: Sources):
    assert sources.order_lines is not None
    return sources.order_lines


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("landing/", "{here}/landing"),
        ("file:landing", "{here}/landing"),
        ("file:///data/a%20b.csv", "/data/a b.csv"),
        ("/data/*.csv", "/data/*.csv"),
        ("s3://bucket/orders/*.csv", "s3://bucket/orders/*.csv"),
    ],
)
def test_relative_paths_are_relative_to_the_sources_file(tmp_path, url, absolute):
    sources = loaded(tmp_path, HEAD + f'order_lines: {{url: "{url}"}}\n')

    assert sources_orders(sources).url == absolute.format(here=tmp_path)


def test_brackets_in_the_folder_of_the_sources_file_are_no_pattern(tmp_path):
    folder = tmp_path / "of [2011]"
    folder.mkdir()

    sources = loaded(folder, HEAD + "order_lines: {url: ./*.csv}\n")

    assert sources_orders(sources).url == f"{tmp_path}/of [[]2011]/*.csv"


def test_json_is_accepted(tmp_path):
    text = json.dumps({"calendar": {"start": "2009-12-01"}, "currency": "eur"})

    assert loaded(tmp_path, text).calendar == Calendar(start=date(2009, 12, 1))


def test_the_calendar_has_its_last_day_and_without_one_today():
    closed = Calendar(start=date(2009, 12, 1), end=date(2011, 12, 9))
    open_ended = Calendar(start=date(2009, 12, 1))

    today = date(2020, 1, 1)
    assert closed.has(date(2011, 12, 9), today=today)
    assert not closed.has(date(2011, 12, 10), today=today)
    assert not closed.has(date(2009, 11, 30), today=today)
    assert open_ended.has(today, today=today)
    assert not open_ended.has(date(2020, 1, 2), today=today)


def test_the_crm_may_be_stood_in_from_the_orders(tmp_path):
    contacts = loaded(
        tmp_path,
        ORDERS + 'contacts: {url: "http://127.0.0.1:8090", stand_in_from: order_lines}\n',
    ).contacts

    assert contacts is not None
    assert (contacts.is_files, contacts.stand_in_from) == (False, "order_lines")


def test_contacts_may_be_files(tmp_path):
    contacts = loaded(tmp_path, HEAD + "contacts: {url: contacts.csv}\n").contacts

    assert contacts is not None
    assert contacts.is_files


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("currency: gbp", "calendar: is required"),
        ("calendar: {start: 2010-01-01}", "currency: is required"),
        ("calendar: {start: 2010}\ncurrency: gbp", "calendar.start: must be a day, YYYY-MM-DD"),
        ("calendar: {start: 2010-02-31}\ncurrency: gbp", "calendar.start: is no day of the"),
        (
            "calendar: {start: 2010-02-02, end: 2010-02-01}\ncurrency: gbp",
            "calendar: start 2010-02-02 is after end 2010-02-01",
        ),
        ("calendar: {start: 2010-01-01}\ncurrency: GBP", "currency: must be three lower-case"),
        (HEAD + "currencyy: gbp", "currencyy: unknown key; did you mean currency?"),
        (HEAD + "zzz: 1", "zzz: unknown key (allowed: calendar, currency, order_lines"),
        (HEAD + "order_lines: {}", "order_lines.url: is required"),
        (HEAD + "order_lines: {url: ''}", "order_lines.url: must not be empty"),
        (HEAD + "order_lines: {url: 7}", "order_lines.url: must be text; put it in quotes"),
        (ORDERS + "  separater: x", "order_lines.separater: unknown key; did you mean separator?"),
        (ORDERS + "  separator: ;;", "order_lines.separator: must be one character"),
        (ORDERS + "  separator: '\"'", "neither a quote nor a line break"),
        (ORDERS + "  encoding: utf-7000", "order_lines.encoding: is no encoding that Python knows"),
        (ORDERS + "  encoding: base64", "order_lines.encoding: is no encoding that Python knows"),
        (ORDERS + "  decimal: ';'", "order_lines.decimal: Input should be '.' or ','"),
        (ORDERS + "  thousands: .", "decimal and thousands are both '.'"),
        (ORDERS + "  datetime_format: '%H:%M'", "'%H:%M' does not name a day"),
        (ORDERS + "  datetime_format: ['%d/%m/%Y', '%Q%Q']", "'%Q%Q' does not name a day"),
        (ORDERS + "  null_values: 7", "order_lines.null_values: must be text or a list of texts"),
        (ORDERS + "  columns: {country: []}", "order_lines.columns.country: must name one column"),
        (ORDERS + "  columns: {country: 7}", "order_lines.columns.country: must be text or a list"),
        (
            ORDERS + "  columns: {contact_idd: x}",
            "order_lines.columns.contact_idd: unknown column; did you mean contact_id? (allowed:",
        ),
        (ORDERS + "  cancellation: {prefix: C}", "order_lines.cancellation.prefix: unknown key"),
        (ORDERS + "  stand_in_from: order_lines", "order_lines.stand_in_from: unknown key"),
        (HEAD + "products: {url: p, cancellation: {}}", "products.cancellation: unknown key"),
        (
            HEAD + "write_back: {mode: both}",
            "write_back.mode: Input should be 'update_only', 'upsert' or",
        ),
        (HEAD + "contacts: {url: 'http://h', stand_in_from: order_lines}", "is not declared"),
        (ORDERS + "contacts: {url: c, stand_in_from: order_lines}", "needs the http(s):// url"),
        (HEAD + "contacts: {url: 'https://a:b@h'}", "contacts.url: must not hold credentials"),
        (HEAD + "contacts: {url: 'https://'}", "contacts.url: names no host"),
        (HEAD + "order_lines: {url: 's3:///x'}", "order_lines.url: names no bucket"),
        (HEAD + "order_lines: {url: 'file://host/x'}", "order_lines.url: must be file:///path"),
        (HEAD + "order_lines: {url: 'http://h'}", "http(s): is for contacts"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path, text, sentence):
    assert sentence in refused(tmp_path, text).what


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql", "kinesis"])
def test_another_scheme_is_refused_with_those_that_are_supported(tmp_path, scheme):
    error = refused(tmp_path, HEAD + f'order_lines: {{url: "{scheme}://user:secret@host/db"}}')

    assert (
        f"the scheme {scheme}: is not supported; write a path, a glob, or file:, s3:" in error.what
    )
    assert "secret" not in str(error)


def test_all_problems_are_listed_at_once(tmp_path):
    error = refused(
        tmp_path,
        "calendar: {start: 2010}\ncurrency: GBP\norder_line: {}\n"
        "order_lines: {columns: {a: b, order_id: []}}\n",
    )

    for key in (
        "calendar.start", "currency", "order_line", "order_lines.url", "order_lines.columns.a",
        "order_lines.columns.order_id",
    ):  # fmt: skip
        assert f"  - {key}: " in error.what


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        (HEAD + "\tevents: {}\n", "cannot start any token", "line 3"),
        (HEAD + "currency: eur\n", "the key 'currency' stands here twice", "line 3"),
        (HEAD + "events: {url: a\n", "expected ',' or '}'", "line 4"),
        (HEAD + "? [a]\n: 1\n", "unhashable key", "line 3"),
        (HEAD + "a: \x07\n", "a character that YAML forbids", "sources.yaml"),
    ],
)
def test_invalid_yaml_names_the_line(tmp_path, text, problem, line):
    error = refused(tmp_path, text)

    assert "is not valid YAML" in error.what
    assert problem in error.what
    assert error.where.endswith(line)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
def test_a_file_without_keys_says_how_to_begin(tmp_path, text):
    assert "holds no keys" in refused(tmp_path, text).what


def test_a_missing_file_says_how_to_name_one(tmp_path):
    with pytest.raises(SourcesError, match="does not exist") as error:
        load_sources(tmp_path / "none.yaml")

    assert "DE_ASSETS_SOURCES" in error.value.fix


def test_a_directory_or_another_encoding_is_refused(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"currency: \xe9")

    with pytest.raises(SourcesError, match="cannot be read"):
        load_sources(tmp_path)
    with pytest.raises(SourcesError, match="cannot be read"):
        load_sources(tmp_path / "latin.yaml")


def test_the_file_of_the_real_shop_is_valid():
    sources = load_sources(REPOSITORY / "data/sources/online-retail-ii.yaml")

    orders = sources_orders(sources)
    assert orders.url.endswith("data/sources/../landing/online_retail_ii")
    assert orders.cancellation.order_id_prefix == "C"
    assert (sources.products, sources.events) == (None, None)
