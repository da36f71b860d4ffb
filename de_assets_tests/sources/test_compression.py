"""Compressed deliveries are read whole, or have a problem: never the part before the cut."""

import polars as pl
import pytest

from de_assets_tests.sources.landing import MONDAY, csv_of, gz_of, ids, line, zst_of

PACK = {"gz": gz_of, "zst": zst_of}
CONTENT = csv_of(*[line(f"A{i}", MONDAY, f'"café, {i}"') for i in range(5_000)], header=(
    "order_id,product_id,quantity,ordered_at,unit_price,country"
)).encode()  # fmt: skip


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_compressed_file_holds_the_same_rows_as_the_plain_one(landing, packed):
    landing.drop(f"a.csv.{packed}", PACK[packed](CONTENT))

    rows = landing.rows()

    assert ids(rows) == [f"A{i}" for i in range(5_000)]
    assert ids(rows, "country")[4_999] == "café, 4999"


@pytest.mark.parametrize("packed", ["gz", "zst"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.tsv", "a.txt", "a.ndjson", "a.json"])
def test_every_text_format_may_be_compressed(landing, packed, name):
    if name == "a.tsv":
        content = csv_of(line("A1")).replace(",", "\t")
    elif name == "a.txt":
        content = csv_of(line("A1"))
    else:
        content = (
            '{"order_id":"A1","product_id":"P","quantity":1,"ordered_at":"2011-05-02",'
            '"unit_price":1.50}\n'
        )
    landing.drop(f"{name}.{packed}", PACK[packed](content.encode()))

    assert ids(landing.rows()) == ["A1"]


@pytest.mark.parametrize("packed", ["gz", "zst"])
@pytest.mark.parametrize("lost", [1, 3, 9, 1_000, 0.5, 0.99])
def test_a_compressed_file_cut_short_is_a_problem(landing, packed, lost):
    whole = PACK[packed](CONTENT)
    size = len(whole) - lost if lost >= 1 else int(len(whole) * (1 - lost))
    landing.drop(f"a.csv.{packed}", whole[:size])

    assert "is cut short" in landing.problem()


def test_a_large_zst_cut_short_in_its_middle_is_a_problem(landing):
    """Written by Polars, several megabytes: read in batches, of which the first are whole."""
    path = landing.path / "a.csv.zst"
    frame = pl.LazyFrame({"order_id": range(400_000)}).with_columns(
        product_id=pl.col("order_id").hash().cast(pl.String),
        quantity=pl.lit(1),
        ordered_at=pl.lit("2011-05-02"),
        unit_price=pl.lit(2),
    )
    frame.sink_csv(path, compression="zstd")
    whole = path.read_bytes()
    assert len(landing.rows()) == 400_000

    path.write_bytes(whole[: len(whole) * 9 // 10])

    assert "is cut short" in landing.problem()


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_compressed_file_without_a_byte_is_a_problem(landing, packed):
    landing.drop(f"a.csv.{packed}", b"")

    assert "is cut short" in landing.problem()


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_compressed_empty_file_is_a_delivery_without_rows(landing, packed):
    landing.drop(f"a.csv.{packed}", PACK[packed](b""))

    assert (landing.only().problem, landing.only().rows) == (None, 0)


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_file_that_is_only_called_compressed_is_a_problem(landing, packed):
    landing.drop(f"a.csv.{packed}", CONTENT)

    assert "damaged, or is no" in landing.problem()


def test_a_damaged_gz_is_a_problem(landing):
    damaged = bytearray(gz_of(CONTENT))
    damaged[len(damaged) // 2] ^= 0xFF
    landing.drop("a.csv.gz", bytes(damaged))

    assert "damaged" in landing.problem()


def test_bytes_behind_a_gz_are_a_problem(landing):
    landing.drop("a.csv.gz", gz_of(CONTENT) + b"more")

    assert "damaged" in landing.problem()


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_several_compressed_pieces_in_one_file_are_all_read(landing, packed):
    landing.drop(
        f"a.csv.{packed}", PACK[packed](CONTENT) + PACK[packed](line("B1", MONDAY, "x").encode())
    )

    assert ids(landing.rows())[4_999:] == ["A4999", "B1"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_zst_whose_last_cell_is_empty_keeps_its_last_row(landing, ending):
    header = b"order_id,product_id,quantity,ordered_at,unit_price\r\n"
    landing.drop(
        "a.csv.zst", zst_of(header + b"A1,P,1,2011-05-02,1\r\nA2,P,1,2011-05-02," + ending)
    )

    rows = landing.rows()

    assert rows.select("order_id", "unit_price").rows() == [("A1", "1"), ("A2", None)]


def test_a_line_break_of_two_characters_in_a_quoted_cell_survives_zst(landing):
    landing.drop("a.csv.zst", zst_of(csv_of(f'A1,"blue\r\nlamp",1,{MONDAY},2').encode()))

    assert ids(landing.rows(), "product_id") == ["blue\r\nlamp"]


def test_a_zst_that_is_not_utf8_is_a_problem(landing):
    landing.drop("a.csv.zst", zst_of(csv_of(line("caf\xe9")).encode("latin-1")))

    assert "does not hold plain UTF-8" in landing.problem()


def test_a_zst_of_another_declared_encoding_is_a_problem_that_says_so(landing):
    landing.drop("a.csv.zst", zst_of(CONTENT))

    assert "inside .zst only UTF-8 is read" in landing.problem(encoding="cp1252")


def test_a_gz_of_another_declared_encoding_is_read(landing):
    landing.drop("a.csv.gz", gz_of(csv_of(line("caf\xe9")).encode("latin-1")))

    assert ids(landing.rows(encoding="latin-1")) == ["café"]


def test_a_large_file_is_read_in_pieces_and_not_kept(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.content.CHUNK_BYTES", 10_000)
    monkeypatch.setattr("de_assets.sources.reading._REPLAYED_BYTES", 0)
    landing.drop("a.csv.gz", gz_of(CONTENT))
    landing.drop("b.csv", CONTENT)

    rows = landing.rows()

    assert ids(rows) == [f"A{i}" for i in range(5_000)] * 2
    assert ids(rows, "_source_row") == [*range(1, 5_001)] * 2


def test_pieces_cut_inside_a_character_are_put_together(landing, monkeypatch):
    monkeypatch.setattr("de_assets.sources.content.CHUNK_BYTES", 11)
    landing.drop("a.csv", csv_of(*[line(f"é{i}") for i in range(50)]))

    assert ids(landing.rows()) == [f"é{i}" for i in range(50)]
