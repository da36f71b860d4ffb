"""The page of one lead: its score, how it came to be, who wrote it, and its properties."""

import re
from pathlib import Path

import pytest

from de_assets.crm.mock.history import BY_PERSON, ContactWrite
from de_assets.crm.mock.leads import score_changes
from de_assets.crm.mock.records import Records
from de_assets.crm.mock.store import Store
from de_assets_tests.crm.mock.api import Api, Clock
from de_assets_tests.crm.mock.webpages import listed, page, score, text_of


def test_a_leads_page_shows_its_score_over_time_with_the_reasons(
    empty_api: Api, clock: Clock
) -> None:
    contact_id = score(
        empty_api,
        20,
        "D",
        firstname="Ana",
        lead_score_model_version="v1",
        lead_score_reasons="no visit for 30 days",
        lead_score_run_id="run-1",
    )
    clock.advance(86_400)
    empty_api.patch(f"/{contact_id}", {"phone": "123"})
    empty_api.patch(
        f"/{contact_id}",
        {
            "lead_score": "80",
            "lead_grade": "A",
            "lead_scored_at": "2011-12-01",
            "lead_score_model_version": "v2",
            "lead_score_reasons": "bought yesterday; two visits",
            "lead_score_run_id": "run-2",
        },
    )

    html = page(empty_api, f"/leads/{contact_id}")

    text = text_of(html)
    newest = (
        "80 A ↑ up +60 points scored 2011-12-01 bought yesterday two visits"
        " 2011-12-01 12:00 UTC, integration, model v2, run run-2"
    )
    oldest = (
        "20 D ↑ up scored 2011-11-30 no visit for 30 days"
        " 2011-11-30 12:00 UTC, integration, model v1, run run-1"
    )
    assert "Ana" in text
    assert 0 < text.index(newest) < text.index(oldest)
    assert 'points="0.0,80.0 600.0,20.0 "' in html
    assert "Phone Number (phone) 123" in text
    assert 'href="/?run=run-2"' in html


def test_a_property_shows_the_values_that_it_had(empty_api: Api, clock: Clock) -> None:
    contact_id = empty_api.create(phone="111")
    clock.advance(60)
    empty_api.patch(f"/{contact_id}", {"phone": ""})
    clock.advance(60)
    empty_api.patch(f"/{contact_id}", {"phone": "333"})

    text = text_of(page(empty_api, f"/leads/{contact_id}"))

    assert (
        "(phone) 333 2 older values of Phone Number cleared 2011-11-30 12:01 UTC, integration"
        " 111 2011-11-30 12:00 UTC, integration" in text
    )


def test_a_score_that_a_person_wrote_over_is_told_apart() -> None:
    writes = [
        ContactWrite(0, "INTEGRATION", {"lead_score": "20", "lead_score_run_id": "run-1"}),
        ContactWrite(60_000, BY_PERSON, {"lead_score": "100"}),
    ]

    first, second = score_changes(writes)

    assert (first.is_by_person, second.is_by_person) == (False, True)
    assert second.difference == "+80"


def test_the_page_marks_what_was_edited_by_hand(tmp_path: Path, empty_api: Api) -> None:
    contact_id = score(empty_api, 20, lead_score_run_id="run-1")
    with Store(tmp_path / "crm.db") as store, store.writing() as tables:
        records = Records(tables, 1_322_740_800_000, source_type=BY_PERSON)
        records.update(records.found(contact_id, None), {"lead_score": "100"})

    text = text_of(page(empty_api, f"/leads/{contact_id}"))

    assert "2011-12-01 12:00 UTC, edited by hand" in text
    assert text.count("run run-1") == 1


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [("20", "20", ""), ("20", "7.5", "-12.5"), ("", "5", ""), ("x", "5", ""), ("5", "", "")],
)
def test_a_difference_needs_two_scores(before: str, after: str, difference: str) -> None:
    writes = [
        ContactWrite(at, "INTEGRATION", {"lead_score": value})
        for at, value in enumerate((before, after))
    ]

    assert score_changes(writes)[-1].difference == difference


def test_a_long_history_shows_its_newest_hundred(tmp_path: Path, empty_api: Api) -> None:
    contact_id = score(empty_api, 1)
    with Store(tmp_path / "crm.db") as store, store.writing() as tables:
        records = Records(tables, 1_322_740_800_000)
        for points in range(1000, 1150):
            records.update(records.found(contact_id, None), {"lead_score": str(points)})

    html = page(empty_api, f"/leads/{contact_id}")

    assert "The newest 100 of 151 changes" in text_of(html)
    assert len(re.findall("<b>1[01][0-9][0-9]</b>", html)) == 100
    assert "<b>1149</b>" in html


def test_a_cleared_score_leaves_the_ranking_and_stays_in_the_history(empty_api: Api) -> None:
    contact_id = score(empty_api, 20)
    cleared = ("lead_score", "lead_grade", "lead_score_trend", "lead_scored_at")
    empty_api.patch(f"/{contact_id}", dict.fromkeys(cleared, ""))

    assert listed(page(empty_api)) == []
    text = text_of(page(empty_api, f"/leads/{contact_id}"))
    assert "has no lead score" in text
    assert "cleared" in text


def test_a_contact_without_scores_has_a_page_too(empty_api: Api) -> None:
    contact_id = empty_api.create(email="ana@shop.example")
    empty_api.call("DELETE", f"{empty_api.objects}/{contact_id}")

    text = text_of(page(empty_api, f"/leads/{contact_id}"))

    assert "ana@shop.example" in text
    assert f"Contact {contact_id}, archived" in text
    assert "No score was ever written" in text
