"""A supplier's columns are found by their names, and nothing that is not ours is lost."""

import pytest

from de_assets_tests.sources.landing import HEADER, MONDAY, csv_of, ids, line


def test_a_column_is_found_trimmed_and_in_any_case(landing):
    landing.drop(
        "a.csv", csv_of(line("A1"), header=" Order_ID ,PRODUCT_ID,quantity,ordered_at,unit_price")
    )

    rows = landing.rows()

    assert rows.select("order_id", "product_id", "_extra").rows() == [("A1", "P1", None)]
    assert landing.only().columns[:2] == (" Order_ID ", "PRODUCT_ID")


def test_an_exact_name_wins_over_a_similar_one(landing):
    landing.drop("a.csv", csv_of(line("A1", MONDAY, "x"), header=HEADER + ",Order_id"))

    rows = landing.rows()

    assert ids(rows) == ["A1"]
    assert ids(rows, "_extra") == ['{"Order_id":"x"}']


def test_the_first_declared_alternative_wins(landing):
    landing.drop("a.csv", csv_of(line("A1", MONDAY, "c", "u"), header=HEADER + ",cid,uid"))

    rows = landing.rows(columns={"contact_id": ["uid", "cid"]})

    assert ids(rows, "contact_id") == ["u"]
    assert ids(rows, "_extra") == ['{"cid":"c"}']


def test_a_mapped_column_is_not_looked_for_under_our_name(landing):
    landing.drop("a.csv", csv_of(line("A1", MONDAY, "GB"), header=HEADER + ",country"))

    rows = landing.rows(columns={"country": "Land"})

    assert ids(rows, "country") == [None]
    assert ids(rows, "_extra") == ['{"country":"GB"}']


def test_one_column_may_serve_two_of_ours(landing):
    landing.drop("a.csv", csv_of(line("A1")))

    rows = landing.rows(columns={"contact_id": "order_id"})

    assert rows.select("order_id", "contact_id").rows() == [("A1", "A1")]


def test_columns_that_are_not_ours_are_kept_as_json_where_they_are_filled(landing):
    header = HEADER + ',_source,"na""me",empty,dt'
    landing.drop(
        "a.csv",
        csv_of(
            line("A1", MONDAY, "s", '"a ""b"" é"', "", "d"),
            line("A2", MONDAY, "", "", "", ""),
            header=header,
        ),
    )

    rows = landing.rows()

    assert ids(rows, "_extra") == ['{"_source":"s","na\\"me":"a \\"b\\" é","dt":"d"}', None]
    assert ids(rows, "_source") == ["a.csv", "a.csv"]
    assert ids(rows, "dt") == [MONDAY, MONDAY]


def test_the_columns_come_in_one_fixed_order(landing):
    landing.drop("a.csv", csv_of(line("A1")))

    assert landing.rows().columns == [
        "order_id", "product_id", "description", "quantity", "unit_price", "ordered_at",
        "contact_id", "country", "_extra", "_source", "_source_row", "_batch", "dt",
    ]  # fmt: skip


def test_a_missing_required_column_is_a_problem_that_names_it(landing):
    landing.drop("a.csv", "order_id,product_id,quantity,Price\nA1,P,1,2\n")

    problem = landing.problem(columns={"unit_price": ["Price"], "ordered_at": ["When", "Date"]})

    assert "no column for ordered_at (as When or Date)" in problem
    assert "its columns are order_id, product_id, quantity, Price" in problem
    assert "order_lines.columns" in str(landing.only().fix)


def test_a_header_without_rows_must_still_be_ours(landing):
    landing.drop("a.csv", "one,two\n")

    assert "no column for order_id" in landing.problem()


def test_a_file_without_header_does_not_have_its_first_row_repeated(landing):
    landing.drop("a.csv", "ada@example.com,Ada,1,2011-05-02,2\n")

    problem = landing.problem()

    assert "is the first line a header?" in problem
    assert "ada" not in problem.lower()
    assert landing.only().columns == ()


@pytest.mark.parametrize("more", ["order_id", "order_id,order_id"])
def test_a_column_of_ours_that_stands_twice_is_a_problem(landing, more):
    landing.drop(
        "a.csv",
        csv_of(line("A1", MONDAY, *"xx"[: more.count("o_") or 1]), header=HEADER + f",{more}"),
    )

    assert "the header names order_id twice" in landing.problem()


def test_another_column_that_stands_twice_is_kept_twice(landing):
    landing.drop("a.csv", csv_of(line("A1", MONDAY, "x", "y"), header=HEADER + ",note,note"))

    assert ids(landing.rows(), "_extra") == ['{"note":"x","note#7":"y"}']


def test_the_same_content_under_two_names_is_returned_twice(landing):
    landing.drop("a.csv", csv_of(line("A1")))
    landing.drop("b.csv", csv_of(line("A1")))

    rows = landing.rows()

    assert ids(rows) == ["A1", "A1"]
    assert len(set(ids(rows, "_batch"))) == 1
    assert ids(rows, "_source") == ["a.csv", "b.csv"]
