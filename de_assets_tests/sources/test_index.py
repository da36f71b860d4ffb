"""The index is a cache: what was read is not read again, what changed is, and risks are known."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from de_assets.errors import UnreadableDeliveryError
from de_assets.sources.reading import DeliveryReader
from de_assets_tests.sources.landing import (
    HEADER,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    csv_of,
    ids,
    line,
    three_days,
)

KEY = "index/order_lines.json"
BROKEN = csv_of("A1,P")


@pytest.fixture
def examined(monkeypatch):
    """The keys of the deliveries that are read for the index, as it happens."""
    keys = []
    examine = DeliveryReader.examine

    def watched(self, delivery):
        keys.append(delivery.key)
        return examine(self, delivery)

    monkeypatch.setattr(DeliveryReader, "examine", watched)
    return keys


def test_a_delivery_is_read_once(landing, examined):
    landing.drop("a.csv", three_days())
    first = landing.source().index()
    landing.drop("b.csv", csv_of(line("B1")))

    second = landing.source().index()

    assert examined == ["a.csv", "b.csv"]
    assert second[0] == first[0]


def test_an_overwritten_delivery_is_read_again(landing, examined):
    landing.drop("a.csv", three_days())
    before = landing.only()
    landing.drop("a.csv", csv_of(line("B1", MONDAY)))

    after = landing.only()

    assert examined == ["a.csv", "a.csv"]
    assert before.digest != after.digest
    assert after.rows_by_day == {MONDAY: 1}


def test_a_redelivered_file_changes_nothing(landing):
    path = landing.drop("a.csv", three_days())
    before = landing.only()
    os.utime(path, (1, 1))

    after = landing.only()

    assert (after.digest, after.rows_by_day) == (before.digest, before.rows_by_day)
    assert after.delivery.version != before.delivery.version


def test_the_batch_of_a_row_is_the_start_of_the_contents_digest(landing):
    landing.drop("a.csv", three_days())

    entry = landing.only()

    assert set(ids(landing.rows(), "_batch")) == {entry.digest[:16]}
    assert len(entry.digest) == 64


def test_without_the_index_everything_is_read_again_with_the_same_result(landing, examined):
    landing.drop("a.csv", three_days())
    before = landing.source().index()
    landing.state.delete(KEY)

    assert landing.source().index() == before
    assert examined == ["a.csv", "a.csv"]


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b"null", b'{"layout": 0}', b'{"layout": 1, "deliveries": []}']
)
def test_an_index_that_cannot_be_used_is_made_anew(landing, stored):
    landing.drop("a.csv", three_days())
    landing.state.write(KEY, stored)

    assert landing.only().rows == 3


def test_a_damaged_entry_of_the_index_is_made_anew(landing):
    landing.drop("a.csv", three_days())
    landing.only()
    stored = json.loads(landing.state.read(KEY)[0])
    del stored["deliveries"][0]["rows"]
    landing.state.write(KEY, json.dumps(stored).encode())

    assert landing.only().rows == 3


def test_other_options_of_the_source_read_everything_again(landing, examined):
    landing.drop("a.csv", csv_of("A1,P,1,2/5/2011,2"))
    assert landing.only().problem

    assert landing.only(datetime_format="%d/%m/%Y").rows_by_day == {MONDAY: 1}
    assert examined == ["a.csv", "a.csv"]


def test_the_index_is_not_written_when_nothing_changed(landing):
    landing.drop("a.csv", three_days())
    landing.source().index()
    (before,) = landing.state.list()

    landing.source().index()

    assert list(landing.state.list()) == [before]


def test_a_vanished_delivery_is_forgotten(landing):
    path = landing.drop("a.csv", three_days())
    landing.source().index()
    path.unlink()

    assert landing.source().index() == []
    assert json.loads(landing.state.read(KEY)[0])["deliveries"] == []


def test_a_problem_does_not_stop_the_other_deliveries(landing):
    landing.drop("a.csv", BROKEN)
    landing.drop("b.csv", three_days())
    source = landing.source()

    assert [entry.problem is None for entry in source.index()] == [False, True]
    assert ids(source.read([MONDAY])) == ["A1"]


def test_a_problem_is_remembered_until_the_file_changes(landing, examined):
    landing.drop("a.csv", BROKEN)
    first = landing.only()

    assert landing.only() == first
    assert examined == ["a.csv"]
    landing.drop("a.csv", three_days())
    assert landing.only().problem is None


def test_the_days_of_a_good_version_are_at_risk_while_a_bad_one_lies_there(landing):
    landing.drop("a.csv", three_days())
    landing.source().index()
    landing.drop("a.csv", BROKEN)

    risks = landing.source().days_at_risk()

    assert list(risks) == [MONDAY, TUESDAY, WEDNESDAY]
    assert risks[MONDAY].startswith("a.csv: row 1 (line 2) has 2 fields")


def test_they_stay_at_risk_through_further_bad_versions_and_other_options(landing):
    landing.drop("a.csv", three_days())
    landing.source().index()
    landing.drop("a.csv", BROKEN)
    landing.source().index()
    landing.drop("a.csv", BROKEN + BROKEN)
    landing.source().index()

    risks = landing.source(separator=",").days_at_risk()

    assert list(risks) == [MONDAY, TUESDAY, WEDNESDAY]


def test_a_good_version_ends_the_risk(landing):
    for content in (three_days(), BROKEN, csv_of(line("A1", MONDAY))):
        landing.drop("a.csv", content)
        landing.source().index()

    assert landing.source().days_at_risk() == {}


def test_a_delivery_that_never_was_good_puts_no_day_at_risk(landing):
    landing.drop("a.csv", BROKEN)

    assert landing.source().days_at_risk() == {}


def test_a_day_names_every_delivery_that_puts_it_at_risk(landing):
    for name in ("a.csv", "b.csv"):
        landing.drop(name, csv_of(line("A1", MONDAY)))
    landing.source().index()
    for name in ("a.csv", "b.csv"):
        landing.drop(name, BROKEN)

    risk = landing.source().days_at_risk()[MONDAY]

    assert risk.count("row 1") == 2
    assert "a.csv: " in risk
    assert "; b.csv: " in risk


def test_days_at_risk_are_kept_when_a_file_just_now_changes(landing, monkeypatch):
    path = landing.drop("a.csv", three_days())
    landing.source().index()
    path.write_text(csv_of(line("B1", MONDAY)))
    overwrite_while_reading(monkeypatch, path, three_days())

    risks = landing.source().days_at_risk()

    assert "changed or vanished" in risks[MONDAY]


def overwrite_while_reading(monkeypatch, path: Path, content: str) -> None:
    """The supplier writes just when the content has been read."""
    survey = DeliveryReader._survey_text

    def interrupted(self, delivery, census):
        found = survey(self, delivery, census)
        path.write_text(content + "\n\n")
        return found

    monkeypatch.setattr(DeliveryReader, "_survey_text", interrupted)


def test_a_file_that_changes_while_it_is_read_is_a_problem_until_the_next_look(
    landing, monkeypatch
):
    path = landing.drop("a.csv", three_days())
    with monkeypatch.context() as patched:
        overwrite_while_reading(patched, path, three_days())
        entry = landing.only()

    assert "changed or vanished while it was being read" in str(entry.problem)
    assert landing.only().rows == 3


def test_a_file_that_vanishes_while_it_is_read_is_a_problem(landing, monkeypatch):
    path = landing.drop("a.csv", three_days())
    source = landing.source()
    (delivery,) = source.deliveries()
    path.unlink()

    entry = source._reader.examine(delivery)

    assert "changed or vanished" in str(entry.problem)
    assert entry.digest == ""


def test_rows_of_a_file_that_changed_since_it_was_listed_are_not_returned(landing):
    path = landing.drop("a.csv", three_days())
    source = landing.source()
    (entry,) = source.index()
    path.write_text(csv_of(line("A1")))

    with pytest.raises(UnreadableDeliveryError, match="changed or vanished"):
        list(source._reader.rows(entry, [MONDAY]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_problem_until_it_may(landing):
    path = landing.drop("a.csv", three_days())
    path.chmod(0)

    assert "may not be read" in str(landing.only().problem)
    path.chmod(0o644)
    assert landing.only().rows == 3


def test_a_refused_read_is_a_problem_that_is_not_remembered(landing, monkeypatch):
    landing.drop("a.csv", three_days())

    def refused(_):
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr("de_assets.sources.reading.digest_of", refused)
        assert "may not be read" in str(landing.only().problem)
    assert landing.only().rows == 3


def test_the_index_holds_no_values_of_rows(landing):
    landing.drop("a.csv", csv_of(line("secret-order", MONDAY, "x"), header=HEADER + ",country"))
    landing.source().index()

    stored = landing.state.read(KEY)[0].decode()

    assert "secret" not in stored
    assert date(2011, 5, 2).isoformat() in stored
