"""The web pages: ranking, filters, paging, one lead, and what is not there."""

import re
from pathlib import Path

import pytest
import requests

from de_assets.crm.mock import running_crm
from de_assets.crm.mock.leads import Score, freshness
from de_assets_tests.crm.mock.api import TOKEN, Api, Clock


def page(api: Api, path: str = "/", **params: str | int) -> str:
    answer = requests.get(api.base_url + path, params=params, timeout=30)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return answer.text


def text_of(html: str) -> str:
    body = html.partition("</style>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def listed(html: str) -> list[str]:
    return re.findall(r'<a href="/leads/(\d+)">', html)


def score(api: Api, score: int, grade: str = "A", **properties: str) -> str:
    return api.create(
        lead_score=str(score),
        lead_grade=grade,
        lead_score_trend="up",
        lead_scored_at=properties.pop("lead_scored_at", "2011-11-30"),
        **properties,
    )


def test_an_empty_crm_says_how_scores_arrive(tmp_path: Path) -> None:
    with running_crm(tmp_path / "crm.db", TOKEN) as crm:
        api = Api(crm.base_url)
        without_contacts = text_of(page(api))
        api.create(firstname="Ana")
        with_contacts = text_of(page(api))
        api.close()

    assert "This CRM holds no contacts" in without_contacts
    assert "None of the contacts in this CRM (1) has a lead score" in with_contacts
    for text in (without_contacts, with_contacts):
        assert "crm/writeback" in text
        assert "make demo" in text


def test_leads_are_ranked_by_score_as_a_number(empty_api: Api) -> None:
    low, high, middle = (score(empty_api, points) for points in (9, 100, 87))
    empty_api.create(firstname="Unscored")

    html = page(empty_api)

    assert listed(html) == [high, middle, low]
    assert "3 of 4 contacts have a score" in text_of(html)


def test_a_lead_shows_why_and_how_fresh_its_score_is(empty_api: Api) -> None:
    score(empty_api, 90, firstname="Ana", lastname="Ruiz", company="Blue Wool")
    score(
        empty_api,
        40,
        grade="C",
        company="Red Mill",
        lead_scored_at="2011-11-28",
        lead_score_reasons="bought last week; opened two e-mails",
    )

    text = text_of(page(empty_api))

    assert "1 Ana Ruiz Blue Wool 90 A" in text
    assert (
        "2 Red Mill 40 C bought last week opened two e-mails ↑ up 2011-11-28 2 days before newest"
        in text
    )
    assert "2011-11-30 newest" in text


def test_filters_keep_the_rank_among_all_leads(empty_api: Api) -> None:
    score(empty_api, 90, firstname="Ana")
    second = score(empty_api, 80, "B", firstname="Zoë", company="Red Mill")
    third = score(empty_api, 70, "B", email="zoe@shop.example")

    assert listed(page(empty_api, grade="B")) == [second, third]
    assert listed(page(empty_api, text="zoË")) == [second]
    assert listed(page(empty_api, text="red zoë", grade="B")) == [second]
    assert "2 Zoë Red Mill 80 B" in text_of(page(empty_api, grade="B"))
    assert "No lead fits this filter" in page(empty_api, text="zoë", grade="A")
    assert len(listed(page(empty_api, grade="'; DROP TABLE contact"))) == 3


def test_fifty_leads_stand_on_a_page_and_links_keep_the_filter(empty_api: Api) -> None:
    for number in range(2):
        empty_api.batch(
            "create",
            [
                {"properties": {"lead_score": str(points), "lead_grade": "A", "firstname": "A&B"}}
                for points in range(number * 30, number * 30 + 30)
            ],
        )

    first = page(empty_api, grade="A", text="a&b")
    second = page(empty_api, grade="A", text="a&b", page=2)

    assert (len(listed(first)), len(listed(second))) == (50, 10)
    assert not set(listed(first)) & set(listed(second))
    assert 'href="/?grade=A&amp;text=a%26b&amp;page=2"' in first
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    for wrong in ("99", "9" * 19, "0", "-1", "x"):
        assert listed(page(empty_api, grade="A", page=wrong))


def test_a_leads_page_shows_its_score_over_time(empty_api: Api, clock: Clock) -> None:
    contact_id = score(empty_api, 20, "D", firstname="Ana", lead_score_model_version="v1")
    clock.advance(86_400)
    empty_api.patch(f"/{contact_id}", {"phone": "123"})
    empty_api.patch(
        f"/{contact_id}",
        {
            "lead_score": "80",
            "lead_grade": "A",
            "lead_scored_at": "2011-12-01",
            "lead_score_model_version": "v2",
        },
    )

    html = page(empty_api, f"/leads/{contact_id}")

    text = text_of(html)
    assert "Ana" in text
    assert re.search(r"2011-12-01 80 A ↑ up v2 2011-12-01 12:00 UTC integration", text)
    assert re.search(r"2011-11-30 20 D ↑ up v1 2011-11-30 12:00 UTC integration", text)
    assert text.index("2011-12-01 80") < text.index("2011-11-30 20")
    assert 'points="0.0,80.0 600.0,20.0 "' in html
    assert "Phone Number (phone) 123" in text


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


@pytest.mark.parametrize("path", ["/leads/99999999", "/leads/abc", "/leads/²", "/nothing"])
def test_a_page_that_is_not_there_says_so(api: Api, path: str) -> None:
    answer = requests.get(api.base_url + path, timeout=30)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize(
    ("written", "percent"), [("", 0), ("87", 87), ("250", 100), ("-5", 0), ("nan", 0), ("x", 0)]
)
def test_a_bar_is_never_longer_than_its_track(written: str, percent: float) -> None:
    assert Score.of({"lead_score": written}).percent == percent


@pytest.mark.parametrize(
    ("scored_at", "newest", "words"),
    [
        ("2011-11-30", "2011-11-30", "newest"),
        ("2011-11-29", "2011-11-30", "1 day before newest"),
        ("2011-10-31", "2011-11-30", "30 days before newest"),
        ("", "2011-11-30", ""),
        ("soon", "later", ""),
    ],
)
def test_freshness_is_told_in_days(scored_at: str, newest: str, words: str) -> None:
    assert freshness(scored_at, newest) == words
