"""Filters and the order of the ranked leads, and the lead to call first."""

import re

import pytest

from de_assets.crm.mock.ranking import Wish
from de_assets_tests.crm.mock.api import Api
from de_assets_tests.crm.mock.webpages import listed, page, score, text_of


def test_the_first_lead_stands_on_top_with_its_reasons_and_how_to_reach_it(empty_api: Api) -> None:
    score(empty_api, 50, firstname="Low")
    score(
        empty_api,
        90,
        firstname="Ana",
        company="Blue Wool",
        phone="+44 20 1",
        email="ana@shop.example",
        lead_score_reasons="bought yesterday; two visits",
    )

    html = page(empty_api)

    top = text_of(html).partition("Name, company, e-mail")[0]
    assert (
        "90 A ↑ up Call first Ana Blue Wool +44 20 1 ana@shop.example"
        " Why bought yesterday two visits" in top
    )
    assert "Low" not in top
    assert 'href="tel:%2B44' not in html
    assert 'href="tel:+44%2020%201"' in html
    assert 'href="mailto:ana@shop.example"' in html


def test_a_filtered_list_names_the_first_of_its_own(empty_api: Api) -> None:
    score(empty_api, 90, firstname="Ana")
    score(empty_api, 70, "B", firstname="Zoë")

    text = text_of(page(empty_api, grade="B"))

    assert "Call first of these Zoë" in text
    assert "Ana" not in text


@pytest.mark.parametrize("parameters", [{"sort": "name"}, {"sort": "-rank"}, {"page": 2}])
def test_only_the_top_of_the_ranking_says_whom_to_call_first(
    empty_api: Api, parameters: dict[str, str | int]
) -> None:
    empty_api.batch("create", [{"properties": {"lead_score": "9"}} for _ in range(51)])

    assert "Call first" in page(empty_api)
    assert "Call first" not in page(empty_api, **parameters)


def test_leads_are_filtered_by_trend_country_stage_and_run(empty_api: Api) -> None:
    first = score(empty_api, 90, country="Spain", lifecyclestage="lead", lead_score_run_id="r1")
    second = score(
        empty_api, 80, country="Spain", lifecyclestage="customer", lead_score_trend="down"
    )
    third = score(empty_api, 70, country="France", lead_score_run_id="r2")

    assert listed(page(empty_api, trend="down")) == [second]
    assert listed(page(empty_api, country="Spain")) == [first, second]
    assert listed(page(empty_api, stage="lead")) == [first]
    assert listed(page(empty_api, run="r2")) == [third]
    assert listed(page(empty_api, country="Spain", trend="up", grade="A", text="")) == [first]
    assert listed(page(empty_api, country="Peru")) == []
    assert listed(page(empty_api, trend="sideways")) == [first, second, third]


def test_filters_offer_what_there_is_and_keep_what_was_chosen(empty_api: Api) -> None:
    score(empty_api, 90, country="Spain", lifecyclestage="salesqualifiedlead")
    score(empty_api, 80, country="Spain")
    score(empty_api, 70, country="France")
    empty_api.create(country="Unscored")

    html = page(empty_api, country="Spain", run="r1")
    unknown = page(empty_api, country="Peru")

    assert '<option value="Spain" selected>Spain (2)</option>' in html
    assert '<option value="France">France (1)</option>' in html
    assert ">Sales Qualified Lead (1)</option>" in html
    assert "Unscored" not in html
    assert '<input type="hidden" name="run" value="r1">' in html
    assert '<option value="Peru" selected>Peru</option>' in unknown
    assert 'href="/">Show all</a>' in html


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("rank", "abcd"),
        ("-rank", "dcba"),
        ("score", "dcba"),
        ("-score", "abcd"),
        ("name", "cbad"),
        ("-name", "abcd"),
        ("grade", "abcd"),
        ("trend", "bacd"),
        ("country", "acbd"),
        ("-scored", "bcad"),
        ("scored", "acbd"),
        ("nonsense; DROP TABLE contact", "abcd"),
    ],
)
def test_a_column_sorts_the_leads_and_what_is_missing_comes_last(
    api: Api, sort: str, order: str
) -> None:
    run = f"run of {sort}"
    known = {
        score(
            api,
            points,
            grade,
            company=company,
            lead_score_trend=trend,
            country=country,
            lead_scored_at=day,
            lead_score_run_id=run,
        ): letter
        for letter, points, grade, company, trend, country, day in (
            ("a", 100, "A", "zebra", "steady", "Austria", "2011-11-28"),
            ("b", 90, "B", "Mill", "up", "spain", "2011-11-30"),
            ("c", 20, "C", "abacus", "down", "France", "2011-11-29"),
            ("d", 9, "D", "", "", "", ""),
        )
    }

    ids = listed(page(api, sort=sort, run=run))

    assert "".join(known[contact_id] for contact_id in ids) == order


def test_sorting_keeps_the_rank_and_the_filter_and_tells_the_direction(empty_api: Api) -> None:
    score(empty_api, 90, "A", firstname="Zoë")
    score(empty_api, 80, "A", firstname="Ana")

    html = page(empty_api, sort="name", grade="A")

    assert "2 Ana 80 A" in text_of(html)
    assert re.search(r'aria-sort="ascending"><a href="/\?grade=A&amp;sort=-name">Contact', html)
    assert html.count("aria-sort") == 1
    assert 'href="/?grade=A&amp;sort=-score"' in html
    assert '<input type="hidden" name="sort" value="name">' in html


def test_a_second_click_turns_a_column_round() -> None:
    wish = Wish().sorted_by("scored")

    assert wish.sort == "-scored"
    assert wish.sorted_by("scored").sort == "scored"
    assert wish.sorted_by("scored").sorted_by("scored").sort == "-scored"
    assert Wish().sorted_by("rank").sort == "-rank"
