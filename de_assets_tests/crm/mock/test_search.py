"""Search: operators, sorting, paging, limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from de_assets.crm.mock import running_crm
from de_assets_tests.crm.mock.api import SCORE_PROPERTIES, TOKEN, Api, Clock

CONTACTS = {
    "ana": {
        "firstname": "Ana",
        "email": "ana@shop.example",
        "company": "Blue Wool Ltd",
        "lead_score": "9",
        "lead_grade": "B",
        "lead_scored_at": "2011-11-29",
    },
    "eva": {
        "firstname": "Eva",
        "email": "eva@mill.example",
        "company": "Red Mill",
        "lead_score": "100",
        "lead_grade": "A",
        "lead_scored_at": "2011-11-30",
    },
    "zoe": {"firstname": "Zoë", "email": "zoe@shop.example", "lead_score": "-3.5"},
    "nameless": {"email": "nobody@else.example", "phone": "+34 600 100"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, str]]]:
    """Four contacts, an hour between their creations; the ids by their name here."""
    clock = Clock()
    with running_crm(tmp_path_factory.mktemp("crm") / "crm.db", TOKEN, clock=clock) as crm:
        api = Api(crm.base_url)
        api.define(*SCORE_PROPERTIES)
        ids = {}
        for name, properties in CONTACTS.items():
            ids[name] = api.create(**properties)
            clock.advance(3_600)
        yield api, ids
        api.close()


def names(world: tuple[Api, dict[str, str]], **body: Any) -> list[str]:
    api, ids = world
    answer = api.post("/search", body)
    assert answer.status_code == 200, answer.text
    found = [result["id"] for result in answer.json()["results"]]
    assert answer.json()["total"] >= len(found)
    return [name for each in found for name, contact_id in ids.items() if contact_id == each]


def refused(world: tuple[Api, dict[str, str]], body: object) -> bool:
    return world[0].post("/search", body).status_code == 400


def one(name: str, operator: str, **operands: Any) -> list[dict[str, Any]]:
    return [{"filters": [{"propertyName": name, "operator": operator, **operands}]}]


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        (one("email", "EQ", value="ana@shop.example"), ["ana"]),
        (one("firstname", "EQ", value="ANA"), ["ana"]),
        (one("firstname", "NEQ", value="ana"), ["eva", "zoe"]),
        (one("lead_score", "EQ", value="9.0"), ["ana"]),
        (one("lead_score", "GT", value="9"), ["eva"]),
        (one("lead_score", "GTE", value="9"), ["ana", "eva"]),
        (one("lead_score", "LT", value="9"), ["zoe"]),
        (one("lead_score", "LTE", value="9"), ["ana", "zoe"]),
        (one("lead_score", "BETWEEN", value="-4", highValue="9"), ["ana", "zoe"]),
        (one("lead_grade", "IN", values=["A", "B"]), ["ana", "eva"]),
        (one("lead_grade", "IN", values=["a"]), ["eva"]),
        (one("lead_grade", "NOT_IN", values=["A"]), ["ana"]),
        (one("lead_score", "IN", values=["9", "100"]), ["ana", "eva"]),
        (one("lead_grade", "HAS_PROPERTY"), ["ana", "eva"]),
        (one("lead_grade", "NOT_HAS_PROPERTY"), ["zoe", "nameless"]),
        (one("email", "CONTAINS_TOKEN", value="*@shop.example"), ["ana", "zoe"]),
        (one("company", "CONTAINS_TOKEN", value="wool"), ["ana"]),
        (one("company", "CONTAINS_TOKEN", value="mill red"), ["eva"]),
        (one("company", "CONTAINS_TOKEN", value="woo"), []),
        (one("lead_scored_at", "GTE", value="2011-11-30"), ["eva"]),
        (one("lead_scored_at", "LT", value="1322611200000"), ["ana"]),
        (one("createdate", "GTE", value="2011-11-30T14:00:00Z"), ["zoe", "nameless"]),
        (one("lastmodifieddate", "LT", value="1322658000000"), ["ana"]),
        (one("hs_object_id", "GT", value="2"), ["zoe", "nameless"]),
        (one("hs_object_id", "IN", values=["1", "4"]), ["ana", "nameless"]),
        ([], ["ana", "eva", "zoe", "nameless"]),
    ],
)
def test_a_filter_finds_the_contacts_that_fit(
    world: tuple[Api, dict[str, str]], groups: list[dict[str, Any]], found: list[str]
) -> None:
    assert names(world, filterGroups=groups) == found


def test_filters_of_a_group_all_hold_and_one_group_is_enough(
    world: tuple[Api, dict[str, str]],
) -> None:
    shop = {"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": "*@shop.example"}
    good = {"propertyName": "lead_score", "operator": "GT", "value": "0"}
    best = {"propertyName": "lead_grade", "operator": "EQ", "value": "A"}

    assert names(world, filterGroups=[{"filters": [shop, good]}]) == ["ana"]
    assert names(world, filterGroups=[{"filters": [shop, good]}, {"filters": [best]}]) == [
        "ana",
        "eva",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("wool", ["ana"]),
        ("SHOP", ["ana", "zoe"]),
        ("zoË", ["zoe"]),
        ("ana wool", ["ana"]),
        ("ana mill", []),
        ("600 100", ["nameless"]),
        ("%", []),
        ("  ", ["ana", "eva", "zoe", "nameless"]),
    ],
)
def test_a_query_looks_for_all_its_words(
    world: tuple[Api, dict[str, str]], query: str, found: list[str]
) -> None:
    assert names(world, query=query) == found


@pytest.mark.parametrize(
    ("sorts", "found"),
    [
        ([{"propertyName": "lead_score"}], ["nameless", "zoe", "ana", "eva"]),
        (
            [{"propertyName": "lead_score", "direction": "DESCENDING"}],
            ["eva", "ana", "zoe", "nameless"],
        ),
        (
            [{"propertyName": "hs_object_id", "direction": "DESCENDING"}],
            ["nameless", "zoe", "eva", "ana"],
        ),
        (["lastmodifieddate"], ["ana", "eva", "zoe", "nameless"]),
    ],
)
def test_results_are_sorted_as_asked(
    world: tuple[Api, dict[str, str]], sorts: list[Any], found: list[str]
) -> None:
    assert names(world, sorts=sorts) == found


def test_pages_follow_each_other_to_the_end(world: tuple[Api, dict[str, str]]) -> None:
    api, ids = world
    seen = []
    body: dict[str, Any] = {"limit": "3", "properties": ["firstname"]}
    while True:
        page = api.post("/search", body).json()
        assert page["total"] == 4
        seen += [result["id"] for result in page["results"]]
        if "paging" not in page:
            break
        body["after"] = page["paging"]["next"]["after"]

    assert seen == list(ids.values())


def test_archived_contacts_are_never_found(empty_api: Api) -> None:
    contact_id = empty_api.create(firstname="Ana")
    empty_api.call("DELETE", f"{empty_api.objects}/{contact_id}")

    assert empty_api.post("/search", {}).json() == {"total": 0, "results": []}


def test_nothing_beyond_the_ten_thousandth_result_is_answered(
    world: tuple[Api, dict[str, str]],
) -> None:
    assert names(world, after="9800", limit=200) == []
    assert refused(world, {"after": "9801", "limit": 200})
    assert refused(world, {"after": "10000", "limit": 1})


FILTER = {"propertyName": "email", "operator": "HAS_PROPERTY"}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": True},
        {"limit": -5},
        {"limit": 1.5},
        {"after": "next"},
        {"after": {}},
        {"query": "x" * 3_001},
        {"query": 1},
        {"properties": "firstname"},
        {"properties": [1]},
        {"sorts": "email"},
        {"sorts": [1]},
        {"sorts": ["email", "firstname"]},
        {"sorts": ["nosuchproperty"]},
        {"sorts": [{"propertyName": "email", "direction": "UP"}]},
        {"filterGroups": {}},
        {"filterGroups": [1]},
        {"filterGroups": [{"filters": []}]},
        {"filterGroups": [{"filters": [FILTER]}] * 6},
        {"filterGroups": [{"filters": [FILTER] * 7}]},
        {"filterGroups": [{"filters": [FILTER] * 5}] * 4},
        {"filterGroups": one("nosuchproperty", "EQ", value="x")},
        {"filterGroups": one("email", "LIKE", value="x")},
        {"filterGroups": one("email", "EQ")},
        {"filterGroups": one("email", "EQ", value=1)},
        {"filterGroups": one("email", "IN", values=[])},
        {"filterGroups": one("email", "IN", value="x")},
        {"filterGroups": one("lead_score", "GT", value="high")},
        {"filterGroups": one("lead_score", "BETWEEN", value="1")},
        {"filterGroups": one("lead_scored_at", "GT", value="today")},
        {"filterGroups": one("lastmodifieddate", "GT", value="today")},
        {"filterGroups": one("hs_object_id", "GT", value="9" * 30)},
    ],
)
def test_a_wrong_search_is_refused(world: tuple[Api, dict[str, str]], body: object) -> None:
    assert refused(world, body)


def test_the_largest_allowed_search_is_answered(world: tuple[Api, dict[str, str]]) -> None:
    groups = [{"filters": [FILTER] * 6}] * 3

    assert len(names(world, filterGroups=groups)) == 4


def test_a_very_long_list_of_values_is_answered(world: tuple[Api, dict[str, str]]) -> None:
    values = [f"nobody{number}@x.example" for number in range(50_000)]

    assert names(world, filterGroups=one("email", "IN", values=values)) == []


def test_a_crawl_by_id_sees_every_contact_once_although_all_share_one_moment(
    tmp_path: Path, clock: Clock
) -> None:
    with running_crm(tmp_path / "crm.db", TOKEN, clock=clock) as crm:
        api = Api(crm.base_url)
        for _ in range(5):
            api.batch("create", [{"properties": {}}] * 100)
        seen: list[str] = []
        while True:
            filters = [
                {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"},
                {
                    "propertyName": "hs_object_id",
                    "operator": "GT",
                    "value": seen[-1] if seen else "0",
                },
            ]
            sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
            body = {"filterGroups": [{"filters": filters}], "sorts": sorts, "limit": 200}
            results = api.post("/search", body).json()["results"]
            if not results:
                break
            seen += [result["id"] for result in results]
        api.close()

    assert seen == [str(number) for number in range(1, 501)]
