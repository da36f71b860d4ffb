"""What `de-assets crm history` and `de-assets crm rejects` print, as a person reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from de_assets.cli import main
from de_assets.crm.ledger import Ledger
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.leads import MONDAY, TUESDAY, WEDNESDAY
from de_assets_tests.crm.stores import record

SOURCES = """
calendar: {start: 2026-01-01, end: 2026-01-31}
currency: eur
order_lines: {url: landing, cancellation: {order_id_prefix: C}}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def asked(tmp_path: Path, lake: Path) -> Callable[..., str]:
    (tmp_path / "sources.yaml").write_text(SOURCES)
    environ = {
        "DE_ASSETS_LAKE": str(lake),
        "DE_ASSETS_SOURCES": str(tmp_path / "sources.yaml"),
        "DE_ASSETS_STATE": str(tmp_path / "state"),
    }

    def ask(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["crm", *arguments], env=environ)
        assert done.exit_code == 0, done.output
        return done.output

    return ask


def _rejected(contact: str) -> dict[str, str | None]:
    return {
        "contact_id": contact,
        "crm_id": "1",
        "fingerprint": "2 | D",
        "lead_scored_at": "2011-11-30",
        "code": "INVALID_OPTION",
    }


def test_what_was_sent_to_a_contact_is_told_with_model_run_and_day(
    lake: Path, asked: Callable[..., str]
) -> None:
    ledger = Ledger(LocalStore(lake))
    record(ledger, "c-1", 57, MONDAY, run_id="run-0001")
    ledger.fold()
    record(ledger, "c-1", 12, TUESDAY, run_id="run-0002")
    record(ledger, "c-2", 99, TUESDAY, batch=1)
    ledger.begin(WEDNESDAY, "run-dead", ["c-1"])
    ledger.rejects.add([_rejected("c-1"), _rejected("c-2")], WEDNESDAY)

    said = asked("history", "c-1").splitlines()

    assert said == [
        "2011-12-02T03:00:00  day 2011-11-28  score 57 B (steady)  model v1  run run-0001",
        "                     bought last week",
        "2011-12-02T03:00:00  day 2011-11-29  score 12 D (steady)  model v1  run run-0002",
        "                     bought last week",
        (
            "In doubt since day 2011-11-30: the next write-back sends it again, since nobody knows "
            "which values arrived."
        ),
        (
            "Rejected: INVALID_OPTION (the property has no such option), 1 attempt "
            "from 2011-11-30 to 2011-11-30"
        ),
    ]


def test_a_contact_to_which_nothing_was_sent_is_told_to_be_one(asked: Callable[..., str]) -> None:
    said = asked("history", "nobody", "--destination", "webhook")

    assert said == "Nothing that was sent to this contact was acknowledged.\n"


def test_rejects_are_listed_and_unparked(lake: Path, asked: Callable[..., str]) -> None:
    ledger = Ledger(LocalStore(lake))
    ledger.rejects.add([_rejected("c-1"), _rejected("c-2")], TUESDAY)
    ledger.rejects.add([_rejected("c-1")], WEDNESDAY, park_after=2)

    listed = asked("rejects").splitlines()
    unparked = asked("rejects", "--unpark")

    assert listed == [
        (
            "c-1                     INVALID_OPTION (the property has no such option), "
            "2 attempts from 2011-11-29 to 2011-11-30, parked"
        ),
        (
            "c-2                     INVALID_OPTION (the property has no such option), "
            "1 attempt from 2011-11-29 to 2011-11-29"
        ),
        "2 rejected, 1 of them parked",
    ]
    assert unparked == "unparked: 1\n"
    assert asked("rejects").splitlines()[-1] == "2 rejected, 0 of them parked"
