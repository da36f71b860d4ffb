"""The web pages: the ranked leads, their paging, and what is not there."""

from pathlib import Path

import pytest
import requests

from de_assets.crm.mock import running_crm
from de_assets.crm.mock.leads import Score, freshness
from de_assets_tests.crm.mock.api import TOKEN, Api
from de_assets_tests.crm.mock.webpages import listed, page, score, text_of


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
        country="Peru",
        lead_scored_at="2011-11-28",
        lead_score_reasons="bought last week; opened two e-mails",
    )

    text = text_of(page(empty_api))

    assert "1 Ana Ruiz Blue Wool 90 A" in text
    assert (
        "2 Red Mill 40 C bought last week opened two e-mails ↑ up Peru 2011-11-28"
        " 2 days before newest" in text
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
    assert 'href="/?text=a%26b&amp;grade=A&amp;page=2"' in first
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second
    for wrong in ("99", "9" * 19, "0", "-1", "x"):
        assert listed(page(empty_api, grade="A", page=wrong))


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
