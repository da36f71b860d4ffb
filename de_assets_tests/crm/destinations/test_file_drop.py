"""A drop of files holds what changed of a day, once, whole, and readable by what opens it."""

import csv
import io
import re

import polars as pl
import pytest

from de_assets.crm.destinations.file_drop import FileDrop
from de_assets.crm.ledger import Ledger
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.destinations.sending import NAME, changes, planned, told
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY
from de_assets_tests.crm.stores import FoldedByAnother, Interrupted

SCORES = {"a": 57, "b": 8, "c": 91}
COLUMNS = [
    "contact_id",
    "lead_score",
    "lead_grade",
    "lead_score_reasons",
    "lead_score_trend",
    "lead_score_model_version",
    "lead_scored_at",
]


def keys(objects) -> list[str]:
    return [info.key for info in objects.list("dt=")]


def csv_rows(objects, key) -> list[dict[str, str]]:
    text = objects.read(key)[0].decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def dropped(objects, day=TUESDAY, form="csv") -> FileDrop:
    return FileDrop(NAME, objects, day, form)


def test_a_day_is_one_csv_of_what_the_plan_asks_for(objects, lake, crm_ledger):
    receipts = told(dropped(objects), planned(crm_ledger, SCORES), Ledger(lake, NAME))

    (key,) = keys(objects)
    assert re.fullmatch(r"dt=2011-11-29/0001-[0-9a-f]{16}\.csv", key)
    rows = csv_rows(objects, key)
    assert list(rows[0]) == COLUMNS
    assert {row["contact_id"]: row["lead_score"] for row in rows} == {
        "a": "57",
        "b": "8",
        "c": "91",
    }
    assert {row["lead_scored_at"] for row in rows} == {"2011-11-29"}
    assert receipts == dict.fromkeys(SCORES, ("acknowledged", None))


def test_parquet_has_types_and_nulls(objects, lake, crm_ledger):
    plan = planned(crm_ledger, SCORES, reasons=None)

    told(dropped(objects, form="parquet"), plan, Ledger(lake, NAME))

    frame = pl.read_parquet(objects.read(keys(objects)[0])[0])
    assert frame.columns == COLUMNS
    assert frame["lead_score"].to_list() == [57, 8, 91]
    assert frame.schema["lead_score"] == pl.Int64
    assert frame["lead_scored_at"].to_list() == [TUESDAY] * 3
    assert frame["lead_score_reasons"].to_list() == [None] * 3


def test_a_run_again_changes_nothing(objects, lake, crm_ledger):
    plan = planned(crm_ledger, SCORES)
    told(dropped(objects), plan, Ledger(lake, NAME))
    before = list(objects.list("dt="))

    told(dropped(objects), plan, Ledger(lake, NAME), "run-0002")

    assert list(objects.list("dt=")) == before


def test_a_later_day_holds_only_what_changed_and_an_earlier_one_nothing(objects, lake, crm_ledger):
    ledger = Ledger(lake, NAME)
    told(dropped(objects), planned(crm_ledger, SCORES), ledger)
    later = planned(crm_ledger, SCORES | {"b": 70}, day=WEDNESDAY)
    earlier = planned(crm_ledger, dict.fromkeys(SCORES, 1), day=MONDAY)

    told(dropped(objects, WEDNESDAY), later, ledger, "run-0002")
    told(dropped(objects, MONDAY), earlier, ledger, "run-0003")

    tuesday, wednesday = keys(objects)
    assert tuesday.startswith("dt=2011-11-29/")
    assert wednesday.startswith("dt=2011-11-30/0001-")
    assert [row["contact_id"] for row in csv_rows(objects, wednesday)] == ["b"]


def test_values_that_go_there_and_back_within_a_day_are_three_objects_in_order(
    objects, lake, crm_ledger
):
    ledger = Ledger(lake, NAME)

    for number, score in enumerate((57, 58, 57)):
        told(dropped(objects), planned(crm_ledger, {"a": score}), ledger, f"run-{number}")

    scores = [csv_rows(objects, key)[0]["lead_score"] for key in keys(objects)]
    assert scores == ["57", "58", "57"]


def test_a_run_that_died_before_it_noted_its_object_leaves_one(tmp_path, lake, crm_ledger):
    objects = LocalStore(tmp_path / "drop")
    plan = planned(crm_ledger, SCORES)
    ledger = Ledger(lake, NAME)
    drop = dropped(objects)

    class DiesAfterTheObject:
        name, batch_size, close = NAME, drop.batch_size, drop.close

        def send(self, changes):
            drop.send(changes)
            raise Interrupted

    with pytest.raises(Interrupted):
        told(DiesAfterTheObject(), plan, ledger)
    before = list(objects.list("dt="))
    receipts = told(drop, plan, ledger, "run-0002")

    assert len(before) == 1
    assert list(objects.list("dt=")) == before
    assert receipts == dict.fromkeys(SCORES, ("acknowledged", None))


def test_a_store_that_refuses_leaves_no_object_and_no_receipt(tmp_path, lake, crm_ledger):
    class Refuses(FoldedByAnother):
        def write(self, *_arguments, **_options):
            raise Interrupted

    objects = LocalStore(tmp_path / "drop")
    ledger = Ledger(lake, NAME)
    plan = planned(crm_ledger, SCORES)

    with pytest.raises(Interrupted):
        told(dropped(Refuses(objects, at="never")), plan, ledger)

    assert keys(objects) == []
    assert ledger.read().drop_nulls("crm_id").is_empty()


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://a.example","click")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "\uff1d1+1",
    ],
)
def test_a_spreadsheet_finds_no_formula_in_a_csv_and_parquet_is_exact(tmp_path, text):
    values = {text: {"lead_score": "57", "lead_score_reasons": text}}
    objects = LocalStore(tmp_path)

    dropped(objects).send(changes(values))
    dropped(objects, form="parquet").send(changes(values))

    as_csv, as_parquet = keys(objects)
    (row,) = csv_rows(objects, as_csv)
    assert row["contact_id"] == row["lead_score_reasons"] == f"'{text}"
    exact = pl.read_parquet(objects.read(as_parquet)[0])
    assert exact["contact_id"].item() == exact["lead_score_reasons"].item() == text


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "+44201234",
        "-0.5",
        "plain",
        "",
        "a, b",
        'say "x"',
        "two\nlines",
        "Zo\u00eb \u20ac",
        "a=b",
    ],
)
def test_what_is_no_formula_stays_as_it_is_in_a_csv(tmp_path, text):
    objects = LocalStore(tmp_path)

    dropped(objects).send(
        changes({"a": {"lead_score_reasons": text}, "b": {"lead_score_reasons": "x"}})
    )

    rows = csv_rows(objects, keys(objects)[0])
    assert [row["lead_score_reasons"] for row in rows] == [text, "x"]


def test_objects_of_others_below_the_day_do_not_disturb(tmp_path):
    objects = LocalStore(tmp_path)
    objects.write("dt=2011-11-29/_SUCCESS", b"")

    dropped(objects).send(changes({"a": {"lead_score": "1"}}))
    dropped(objects).send(changes({"a": {"lead_score": "2"}}))

    numbers = [key.partition("/")[2][:4] for key in keys(objects)]
    assert numbers == ["0001", "0002", "_SUC"]
