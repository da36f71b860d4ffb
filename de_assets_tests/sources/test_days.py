"""Which days a delivery holds, what happens to rows without one, and what the calendar leaves."""

import os
from datetime import date

import pytest

from de_assets.contracts.source_tables import CONTACTS, PRODUCTS
from de_assets.sources import Calendar
from de_assets_tests.sources.landing import (
    CALENDAR,
    HEADER,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    csv_of,
    ids,
    line,
    three_days,
)


def dated(*texts: str) -> str:
    return csv_of(*[f"A{i},P,1,{text},2" for i, text in enumerate(texts)])


def test_a_file_may_span_days_and_a_day_files(landing):
    landing.drop("a.csv", three_days())
    landing.drop("b.csv", csv_of(line("B1", TUESDAY)))

    rows = landing.source().read([TUESDAY])

    assert rows.select("order_id", "_source", "_source_row", "dt").rows() == [
        ("A2", "a.csv", 2, TUESDAY),
        ("B1", "b.csv", 1, TUESDAY),
    ]


def test_rows_come_by_delivery_and_row_whatever_the_order_of_the_days(landing):
    landing.drop("b.csv", csv_of(line("B1", WEDNESDAY), line("B2", MONDAY)))
    landing.drop("a/z.csv", csv_of(line("Z1", TUESDAY)))

    rows = landing.source().read([WEDNESDAY, MONDAY, TUESDAY])

    assert ids(rows) == ["Z1", "B1", "B2"]


def test_no_delivery_of_the_days_gives_an_empty_frame_of_the_same_columns(landing):
    landing.drop("a.csv", three_days())
    source = landing.source()

    nothing = source.read([date(2011, 6, 1)])

    assert nothing.is_empty()
    assert nothing.schema == source.read([MONDAY]).schema


def test_only_deliveries_that_hold_a_day_are_opened(landing):
    landing.drop("a.csv", three_days())
    other = landing.drop("b.csv", csv_of(line("B1", date(2011, 6, 1))))
    source = landing.source()
    source.index()
    status = other.stat()
    other.write_bytes(b"\xff" * status.st_size)  # whoever opens it fails
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert ids(source.read([MONDAY])) == ["A1"]


def test_a_row_without_a_readable_day_stands_on_the_first_day_of_its_delivery(landing):
    landing.drop("a.csv", dated("soon", str(TUESDAY), "", str(MONDAY)))

    entry = landing.only()

    assert (entry.rows, entry.rows_undated, entry.undated_day) == (4, 2, MONDAY)
    assert entry.rows_by_day == {MONDAY: 3, TUESDAY: 1}
    rows = landing.source().read([MONDAY])
    assert ids(rows) == ["A0", "A2", "A3"]
    assert ids(rows, "ordered_at") == ["soon", None, str(MONDAY)]


def test_it_is_the_first_day_that_the_calendar_has(landing):
    landing.drop("a.csv", dated("soon", "1970-01-01", str(TUESDAY)))

    assert landing.only().rows_by_day == {date(1970, 1, 1): 1, TUESDAY: 2}


def test_rows_outside_the_calendar_are_counted_and_not_returned(landing):
    landing.drop("a.csv", dated("1970-01-01", "soon", "2999-01-01", str(MONDAY)))
    source = landing.source()

    (entry,) = source.index()

    assert (entry.rows_outside_calendar, sum(entry.rows_by_day.values())) == (2, 4)
    assert ids(source.read(list(entry.rows_by_day))) == ["A1", "A3"]


def test_a_calendar_without_end_ends_today(landing):
    landing.drop("a.csv", dated("2999-01-01", str(MONDAY)))
    source = landing.source(calendar=Calendar(start=CALENDAR.start))

    (entry,) = source.index()

    assert entry.rows_outside_calendar == 1
    assert ids(source.read(list(entry.rows_by_day))) == ["A1"]


def test_a_delivery_with_days_outside_the_calendar_only_is_no_problem(landing):
    landing.drop("a.csv", dated("1970-01-02", "soon", "1970-01-01"))

    entry = landing.only()

    assert (entry.problem, entry.rows_outside_calendar) == (None, 3)
    assert entry.rows_by_day == {date(1970, 1, 1): 2, date(1970, 1, 2): 1}


def test_without_a_calendar_every_day_counts(landing):
    landing.drop("a.csv", dated("1970-01-01"))

    assert ids(landing.source(calendar=None).read([date(1970, 1, 1)])) == ["A0"]


def test_ambiguous_dates_are_a_problem_that_a_format_solves(landing):
    landing.drop("a.csv", dated("2/5/2011 8:26", "3/5/2011 8:26"))

    problem = landing.problem()
    solved = landing.only(datetime_format="%d/%m/%Y %H:%M")

    assert "ordered_at: the dates can be read day first and month first" in problem
    assert "such as 2/5/2011 8:26" in problem
    assert solved.rows_by_day == {MONDAY: 1, TUESDAY: 1}


def test_contradicting_dates_are_a_problem(landing):
    landing.drop("a.csv", dated("13/5/2011", "5/13/2011"))

    assert "others only month first" in landing.problem()


def test_dates_of_which_one_reading_is_possible_are_read(landing):
    landing.drop("a.csv", dated("5/2/2011 8:26", "5/13/2011 8:26"))

    assert ids(landing.source().read([MONDAY])) == ["A0"]


def test_several_formats_may_be_declared(landing):
    landing.drop("a.csv", dated("2.5.2011", "2011_05_03", "soon"))

    entry = landing.only(datetime_format=["%d.%m.%Y", "%Y_%m_%d"])

    assert entry.rows_by_day == {MONDAY: 2, TUESDAY: 1}
    assert entry.formats == ("%d.%m.%Y", "%Y_%m_%d")


def test_a_declared_format_is_the_only_one(landing):
    landing.drop("a.csv", dated(str(MONDAY)))

    problem = landing.problem(datetime_format="%d.%m.%Y")

    assert "not one of 1 rows has a readable date" in problem
    assert "tried: %d.%m.%Y" in problem


def test_not_one_readable_day_is_a_problem_that_shows_no_names(landing):
    landing.drop("a.csv", dated("Ada Lovelace", "ada@example.com", "99:99", ""))

    problem = landing.problem()

    assert "not one of 4 rows has a readable date, such as 99:99" in problem
    assert "Ada" not in problem
    assert "example.com" not in problem


def test_declared_null_values_are_null(landing):
    landing.drop("a.csv", dated("NULL", str(MONDAY)).replace("A0", " n/a "))

    rows = landing.rows(null_values=["NULL", "n/a"])

    assert rows.select("order_id", "ordered_at").rows() == [(None, None), ("A1", str(MONDAY))]


def test_days_are_found_in_whichever_alternative_a_file_has(landing):
    landing.drop("a.csv", csv_of(line("A1"), header=HEADER.replace("ordered_at", "InvoiceDate")))
    landing.drop("b.csv", csv_of(line("B1"), header=HEADER.replace("ordered_at", " DATE ")))

    rows = landing.rows(columns={"ordered_at": ["InvoiceDate", "date"]})

    assert ids(rows) == ["A1", "B1"]


def test_a_table_without_days_is_read_as_a_whole(landing):
    landing.drop("a.csv", "product_id,name\nP1,Lamp\n")
    landing.drop("b.csv", "product_id\nP2\n\nP3\n")
    source = landing.source(table=PRODUCTS)

    rows = source.read_all()

    assert ids(rows, "product_id") == ["P1", "P2", "P3"]
    assert ids(rows, "name") == ["Lamp", None, None]
    assert "dt" not in rows.columns
    assert [entry.rows for entry in source.index()] == [1, 2]
    with pytest.raises(ValueError, match="use read_all"):
        source.read([MONDAY])


def test_contacts_without_a_modification_date_are_read_as_a_whole(landing):
    landing.drop("a.csv", "contact_id,email\n1,x\n")

    entry = landing.only(table=CONTACTS)
    rows = landing.rows(table=CONTACTS)

    assert (entry.problem, entry.rows_by_day, entry.rows_undated) == (None, {}, 1)
    assert ids(rows, "contact_id") == ["1"]
    assert ids(rows, "dt") == [None]
    assert landing.source(table=CONTACTS).read([MONDAY]).is_empty()
