"""CSV in the shapes in which it really arrives: read whole, or not at all with the reason."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from de_assets.sources import csv_text
from de_assets.sources.csv_structure import IrregularError
from de_assets.sources.csv_text import CsvText
from de_assets_tests.sources.landing import (
    HEADER,
    MONDAY,
    TUESDAY,
    Landing,
    csv_of,
    ids,
    line,
)

CELLS = st.text(
    st.one_of(
        st.sampled_from('",;\t\n\r |x^\x01\ufeff'),
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)),
    ),
    max_size=6,
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
)


def text_of(content: bytes, landing: Landing, separator: str | None = None) -> CsvText:
    path = landing.drop("orders.csv", content)
    (delivery,) = landing.source(url=str(path)).deliveries()
    chunks = [content[i : i + 7] for i in range(0, len(content), 7)]  # cut anywhere
    return CsvText(delivery, lambda: iter(chunks), separator, ["a", "b"])


def rows_of(text: CsvText) -> list[list[str]]:
    return [[cell or "" for cell in row] for _, frame in text.frames() for row in frame.rows()]


@given(
    table=TABLES,
    separator=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=300, deadline=None)
def test_what_pythons_csv_module_writes_comes_back_equal(
    table, separator, ending, quoting, tmp_path_factory
):
    if ending == "\n" and quoting == csv.QUOTE_MINIMAL:  # the writer leaves "\r" unquoted then
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    width = len(table[0]) if table else 1
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerow([f"c{i}" for i in range(width)])
    writer.writerows(table)
    landing = Landing(tmp_path_factory.mktemp("csv"))

    text = text_of(buffer.getvalue().encode(), landing, separator)

    assert rows_of(text) == table


def test_a_large_file_with_quotes_is_read_as_pythons_csv_module_reads_it(landing):
    cells = ["plain", "", 'in "quotes"', "two\nlines", "a,b", "é", "x" * 50, '"', "\r\n"]
    table = [[cells[i * j % 9] for j in range(3, 8)] for i in range(40_000)]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow("abcde")
    writer.writerows(table)
    content = buffer.getvalue().encode()
    path = landing.drop("orders.csv", content)
    (delivery,) = landing.source(url=str(path)).deliveries()
    pieces = [content[i : i + 300_001] for i in range(0, len(content), 300_001)]

    text = CsvText(delivery, lambda: iter(pieces), None, [])

    assert rows_of(text) == table


def test_regular_text_is_parsed_by_polars_and_not_row_by_row(landing):
    text = text_of(b'a,b\n1,"x\ny"\n2,z\n', landing)

    regular = list(text._regular([0, 1]))

    assert sum(len(frame) for frame in regular) == 2


def test_rows_are_numbered_from_one_even_where_the_reader_changes_midway(landing, monkeypatch):
    monkeypatch.setattr(csv_text, "_ROWS_PER_FRAME", 3)
    lines = [f"{i},x" for i in range(10)] + ['10,5" pipe'] + [f"{i},x" for i in range(11, 14)]
    content = ("a,b\n" + "\n".join(lines)).encode()
    text = text_of(content, landing)
    whole = content.index(b"7,x")
    text._chunks = lambda: iter([content[:whole], content[whole:]])

    pieces = list(text.frames())

    numbers = [first + i for first, frame in pieces for i in range(len(frame))]
    assert numbers == list(range(1, 15))
    assert [row[0] for row in rows_of(text)] == [str(i) for i in range(14)]
    assert rows_of(text)[10] == ["10", '5" pipe']


def test_every_column_is_text_and_nothing_is_inferred(landing):
    landing.drop("a.csv", csv_of("00017,P,1e3,2011-05-02 09:00:00,1.10", "A2,P,,2011-05-02,NaN"))

    rows = landing.rows()

    assert {rows.schema[c] for c in ("order_id", "quantity", "unit_price")} == {pl.String}
    assert ids(rows) == ["00017", "A2"]
    assert ids(rows, "quantity") == ["1e3", None]
    assert ids(rows, "unit_price") == ["1.10", "NaN"]


def test_blanks_around_a_cell_stay_and_an_empty_cell_is_null(landing):
    landing.drop("a.csv", csv_of(f'" A1 "," P", 2 ,{MONDAY},""', f",,,{MONDAY},"))

    rows = landing.rows()

    assert rows.select("order_id", "product_id", "quantity", "unit_price").rows() == [
        (" A1 ", " P", " 2 ", None),
        (None, None, None, None),
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_from_the_header(landing, separator):
    content = csv_of(line("A1"), line("A2", TUESDAY)).replace(",", separator)
    landing.drop("a.csv", content)

    assert ids(landing.rows()) == ["A1", "A2"]


def test_the_separator_that_finds_our_columns_wins_over_the_more_frequent_one(landing):
    header = "order_id;product_id;quantity;ordered_at;unit_price;a,b,c,d,e,f,g"
    landing.drop("a.csv", f"{header}\nA1;P;1;{MONDAY};2;x\n")

    assert ids(landing.rows()) == ["A1"]


def test_a_declared_separator_is_taken_as_it_is(landing):
    landing.drop("a.csv", csv_of(line("A1")).replace(",", "~"))

    assert ids(landing.rows(separator="~")) == ["A1"]


def test_a_separator_of_several_bytes_is_read_too(landing):
    landing.drop("a.csv", csv_of(line("A1")).replace(",", "¦"))

    assert ids(landing.rows(separator="¦")) == ["A1"]


def test_a_tsv_file_is_separated_by_tabs(landing):
    landing.drop("a.tsv", csv_of(line("A1")).replace(",", "\t"))

    assert ids(landing.rows()) == ["A1"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_ending_is_read(landing, ending):
    landing.drop("a.csv", csv_of(line("A1"), line("A2")).replace("\n", ending))

    rows = landing.rows()

    assert ids(rows) == ["A1", "A2"]
    assert ids(rows, "unit_price") == ["1.50", "1.50"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_and_byte_order_marks_are_read(landing, encoding):
    landing.drop(
        "a.csv", csv_of(line("A1", MONDAY, "café"), header=HEADER + ",country").encode(encoding)
    )
    declared = {} if encoding == "utf-8-sig" else {"encoding": encoding}

    rows = landing.rows(**declared)

    assert rows.select("order_id", "country").rows() == [("A1", "café")]


def test_a_byte_order_mark_says_utf8_whatever_was_declared(landing):
    content = csv_of(line("A1", MONDAY, "café"), header=HEADER + ",country").encode("utf-8-sig")
    landing.drop("a.csv", content)

    assert ids(landing.rows(encoding="cp1252"), "country") == ["café"]


def test_invalid_utf8_is_a_problem_that_names_the_setting(landing):
    landing.drop("a.csv", csv_of(line("caf\xe9")).encode("latin-1"))

    assert "not text in the declared encoding (near byte" in landing.problem()
    assert "encoding" in str(landing.only().fix)


def test_a_character_cut_at_the_end_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1")).encode() + "é".encode()[:1])

    assert "not text in the declared encoding" in landing.problem()


def test_nul_bytes_are_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A\0")))

    assert "NUL bytes" in landing.problem()


def test_undeclared_utf16_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1")).encode("utf-16-le"))

    assert "NUL bytes" in landing.problem()


def test_a_file_without_a_byte_is_a_delivery_without_rows(landing):
    landing.drop("a.csv", b"")

    entry = landing.only()

    assert (entry.problem, entry.rows, entry.columns) == (None, 0, ())
    assert landing.rows().is_empty()


@pytest.mark.parametrize("content", ["\n", "\n\r\n\n", "\ufeff"])
def test_a_file_of_blank_lines_is_a_delivery_without_rows(landing, content):
    landing.drop("a.csv", content)

    entry = landing.only()

    assert (entry.problem, entry.rows) == (None, 0)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n"])
def test_a_header_alone_is_a_delivery_without_rows(landing, ending):
    landing.drop("a.csv", HEADER + ending)

    entry = landing.only()

    assert (entry.problem, entry.rows, entry.columns) == (None, 0, tuple(HEADER.split(",")))


def test_blank_lines_are_no_rows(landing):
    landing.drop("a.csv", f"\n{HEADER}\n\n{line('A1')}\n\r\n{line('A2')}\n\n\n")

    rows = landing.rows()

    assert ids(rows) == ["A1", "A2"]
    assert ids(rows, "_source_row") == [1, 2]


def test_a_line_of_separators_alone_is_a_row(landing):
    landing.drop("a.csv", csv_of(line("A1"), ",,,,"))

    assert ids(landing.rows()) == ["A1", None]


def test_a_row_with_too_few_fields_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1"), "A2,P"))

    assert "row 2 (line 3) has 2 fields where the header has 5" in landing.problem()


def test_a_row_with_too_many_fields_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1"), line("A2", MONDAY, "more")))

    assert "row 2 (line 3) has 6 fields where the header has 5" in landing.problem()


def test_one_field_too_few_and_one_too_many_do_not_make_up_for_each_other(landing):
    landing.drop("a.csv", csv_of("A1,P,2,2011-05-02", line("A2", MONDAY, "more")))

    assert "row 1 (line 2) has 4 fields" in landing.problem()


def test_a_row_that_was_wrapped_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1"), "A2,blue\nlamp,2,2011-05-02,1.50"))

    assert "row 2 (line 3) has 2 fields" in landing.problem()


def test_a_file_cut_between_fields_is_a_problem(landing):
    whole = csv_of(line("A1"), line("A2"))

    landing.drop("a.csv", whole[: whole.rindex(",")])

    assert "row 2 (line 3) has 4 fields" in landing.problem()


def test_a_file_cut_in_a_quoted_cell_is_a_problem(landing):
    landing.drop("a.csv", csv_of(line("A1"), line("A2")) + f'A3,"P with, many\n{line("A4")}\n')

    assert "a quote in row 3 is never closed" in landing.problem()


def test_a_quote_that_swallows_the_file_is_a_problem(landing):
    landing.drop("a.csv", csv_of('A1,"P', *[line("A2", MONDAY)] * 5_000))

    assert "longer than 131,072 characters" in landing.problem()


def test_a_record_without_end_is_given_up_before_the_whole_file_is_held(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.csv_structure._LONGEST_RECORD_BYTES", 10)
    text = text_of(b"a,b\n1,x\n", landing)
    pieces = iter([b"a,b\n1,", b'"x\n', *[b"y\n"] * 100])
    text._chunks = lambda: pieces

    with pytest.raises(IrregularError):
        list(text._regular([0]))

    assert len(list(pieces)) > 90


def test_a_piece_of_which_polars_makes_other_rows_is_read_row_by_row(landing, monkeypatch):
    text = text_of(b"a,b\n1,x\n2,y\n", landing)
    read_csv = pl.read_csv

    with monkeypatch.context() as patched:
        patched.setattr(pl, "read_csv", lambda *a, **options: read_csv(*a, **options)[1:])
        rows = rows_of(text)

    assert rows == [["1", "x"], ["2", "y"]]


@pytest.mark.parametrize("start", ["x^6", "x^2", "x\x01", "PAR1", "\ufeff", "#", "0", '""'])
def test_cells_that_look_like_the_beginning_of_another_format_are_text(landing, start):
    content = f"a,b\n{start},1\n".encode()
    text = text_of(content, landing)
    text._chunks = lambda: iter([content[:4], content[4:]])

    assert rows_of(text) == [["" if start == '""' else start, "1"]]
    assert list(text._regular([0]))  # as Polars reads it


def test_a_byte_order_mark_inside_the_text_is_a_character_of_its_cell(landing):
    landing.drop("a.csv", csv_of(line("\ufeffA1")))

    assert ids(landing.rows()) == ["\ufeffA1"]


def test_text_behind_a_closing_quote_is_a_problem(landing):
    landing.drop("a.csv", csv_of(f'A1,"Vintage" lamp,1,{MONDAY},2'))

    assert "row 1 (line 2) has text behind a closing quote" in landing.problem()


def test_a_header_with_a_broken_quote_is_a_problem(landing):
    landing.drop("a.csv", '"order_id,product_id\nA1,P\n')

    assert "a quote in the header is never closed" in landing.problem()


def test_a_header_that_never_ends_is_a_problem(landing):
    landing.drop("a.csv", '"' + "order_id," * 20_000)

    assert "a cell in the header is longer than 131,072 characters" in landing.problem()


def test_a_quote_inside_the_header_is_text(landing):
    landing.drop(
        "a.csv",
        csv_of(line("A1", MONDAY, "x"), line("A2", MONDAY, "y"), header=HEADER + ',5" pipe'),
    )

    assert ids(landing.rows(), "_extra") == ['{"5\\" pipe":"x"}', '{"5\\" pipe":"y"}']


def test_quotes_inside_unquoted_cells_are_text(landing):
    landing.drop("a.csv", csv_of(f'A1,5" pipe,1,{MONDAY},2', f'A2,6" pipe,1,{MONDAY},2'))

    assert ids(landing.rows(), "product_id") == ['5" pipe', '6" pipe']


def test_a_line_break_in_quotes_is_part_of_the_cell(landing):
    landing.drop("a.csv", csv_of(f'A1,"blue\r\nlamp",1,{MONDAY},2', line("A2")))

    rows = landing.rows()

    assert ids(rows, "product_id") == ["blue\r\nlamp", "P1"]
    assert ids(rows, "_source_row") == [1, 2]


def test_an_empty_extra_column_does_not_count(landing):
    landing.drop("a.csv", csv_of(line("A1") + ",", header=HEADER + ","))

    assert ids(landing.rows(), "_extra") == [None]


def test_separators_behind_the_last_column_do_not_count(landing):
    landing.drop("rows.csv", csv_of(line("A1") + ",,", line("A2")))
    landing.drop("title.csv", csv_of(line("A3"), header=HEADER + ",,"))

    rows = landing.rows()

    assert ids(rows) == ["A1", "A2", "A3"]
    assert ids(rows, "_extra") == [None, None, None]


def test_cells_of_a_column_without_name_are_kept(landing):
    landing.drop("a.csv", csv_of(line("A1") + ",x", header=HEADER + ","))

    assert ids(landing.rows(), "_extra") == ['{"column_6":"x"}']


def test_both_readers_give_the_same_frames(landing):
    content = b'a,b,c\n1,"x, ""y""",\n,2,"z\n"\n\n3,,4\n'
    text = text_of(content, landing)
    text._chunks = lambda: iter([content])

    fast = pl.concat(list(text._regular([0, 1, 2])))

    assert_frame_equal(fast, pl.concat(list(text._irregular([0, 1, 2]))))
    assert len(fast) == 3
