"""What at a URL is a delivery, what is passed over and why, and what is an error."""

import pytest

from de_assets.errors import SourcesError
from de_assets.sources.locations import _regex
from de_assets_tests.sources.landing import csv_of, ids, line, three_days


def keys(landing, url=None):
    return [delivery.key for delivery in landing.source(url=url).deliveries()]


def test_a_directory_is_read_with_everything_below_it(landing):
    for name in ("b.csv", "2011/05/a.csv", "2011/z.parquet", "c.JSONL", "d.csv.gz", "e.tsv.zst"):
        landing.drop(name, b"")

    assert keys(landing) == [
        "2011/05/a.csv", "2011/z.parquet", "b.csv", "c.JSONL", "d.csv.gz", "e.tsv.zst",
    ]  # fmt: skip


def test_a_delivery_says_where_it_lies_and_how_large_it_is(landing):
    path = landing.drop("2011/a.csv", "abc")

    (delivery,) = landing.source().deliveries()

    assert (delivery.key, delivery.url, delivery.size_bytes) == ("2011/a.csv", str(path), 3)
    assert delivery.modified_at.timestamp() == pytest.approx(path.stat().st_mtime)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("README.md", "not a data file"),
        ("orders", "not a data file"),
        ("orders.gz", "not a data file"),
        ("a.parquet.gz", "not a data file"),
        ("days.tar.gz", "unpack it"),
        ("days.zip", "unpack it"),
        ("orders.csv.bz2", "unpack it"),
        ("orders.xlsx", "save the sheet as CSV"),
        (".orders.csv", "hidden"),
        ("_SUCCESS", "hidden"),
        ("_old/orders.csv", "hidden"),
        (".git/config.json", "hidden"),
    ],
)
def test_other_files_are_passed_over_with_the_reason(landing, name, reason):
    landing.drop(name, "whatever")
    landing.drop("orders.csv", csv_of(line("A1")))
    source = landing.source()

    (ignored,) = source.ignored()

    assert ignored.key == name
    assert reason in ignored.reason
    assert ids(source.read_all()) == ["A1"]


def test_a_directory_without_deliveries_is_empty(landing):
    source = landing.source()

    assert source.deliveries() == []
    assert source.index() == []
    assert source.read_all().is_empty()
    assert source.days_at_risk() == {}


def test_one_file_is_read_by_its_name(landing):
    path = landing.drop("_today.csv", three_days())
    landing.drop("other.csv", three_days())

    assert keys(landing, str(path)) == ["_today.csv"]


@pytest.mark.parametrize(
    ("name", "hint"), [("a.xlsx", "save the sheet as CSV"), ("a.md", "not a data file")]
)
def test_one_file_of_an_unknown_kind_is_an_error(landing, name, hint):
    path = landing.drop(name, "x")

    with pytest.raises(SourcesError, match="is not a kind of file that is read") as error:
        landing.source(url=str(path)).deliveries()

    assert hint in error.value.fix
    assert error.value.where == "order_lines.url"


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere/*.csv"])
def test_a_path_that_does_not_exist_is_an_error_with_a_fix(landing, name):
    with pytest.raises(SourcesError, match="there is no file or directory") as error:
        landing.source(url=f"{landing.path}/{name}").index()

    assert "create it" in error.value.fix


def test_a_glob_chooses_among_the_files(landing):
    for name in ("orders-1.csv", "orders-2.csv", "events-1.csv", "2011/orders-3.csv"):
        landing.drop(name, b"")

    assert keys(landing, f"{landing.path}/orders-*.csv") == ["orders-1.csv", "orders-2.csv"]
    assert keys(landing, f"{landing.path}/**/orders-*.csv") == [
        "2011/orders-3.csv", "orders-1.csv", "orders-2.csv",
    ]  # fmt: skip
    assert keys(landing, f"{landing.path}/*/orders-?.csv") == ["2011/orders-3.csv"]
    assert keys(landing, f"{landing.path}/none-*.csv") == []


def test_brackets_that_are_part_of_a_name_are_no_pattern(landing):
    landing.drop("of [2011]/a.csv", b"")

    assert keys(landing, f"{landing.path}/of [2011]") == ["a.csv"]
    assert keys(landing, f"{landing.path}/of [[]2011]/*.csv") == ["a.csv"]


@pytest.mark.parametrize(
    ("pattern", "key", "is_match"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "x/a.csv", False),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "x/y/a.csv", True),
        ("**", "x/y/a.csv", True),
        ("a?.csv", "ab.csv", True),
        ("a?.csv", "a/.csv", False),
        ("[ab].csv", "b.csv", True),
        ("[!ab].csv", "b.csv", False),
        ("[!ab].csv", "c.csv", True),
        ("[0-9].csv", "5.csv", True),
        ("a.csv", "axcsv", False),
        ("a[&~|].csv", "a~.csv", True),
    ],
)
def test_a_glob_means_what_a_shell_means_by_it(pattern, key, is_match):
    assert bool(_regex(pattern).fullmatch(key)) is is_match


def test_a_crm_is_not_files(landing):
    from de_assets.contracts.source_tables import CONTACTS
    from de_assets.sources import FileSource
    from de_assets.sources.config import ContactsSource
    from de_assets_tests.sources.landing import NO_S3

    crm = ContactsSource(url="http://127.0.0.1:8090")

    with pytest.raises(SourcesError, match="is a CRM, not files"):
        FileSource(CONTACTS, crm, s3=NO_S3, index_store=landing.state, index_key="i.json")
