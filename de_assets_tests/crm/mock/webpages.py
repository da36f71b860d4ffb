"""Reading the mock CRM's web pages as a visitor does; used by the tests of the pages."""

import re

import requests

from de_assets_tests.crm.mock.api import Api


def page(api: Api, path: str = "/", **params: str | int) -> str:
    """Return the HTML of a page that must be there."""
    answer = requests.get(api.base_url + path, params=params, timeout=30)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    return answer.text


def text_of(html: str) -> str:
    """Return the words of a page without its head and markup."""
    body = html.partition("<body>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def listed(html: str) -> list[str]:
    """Return the ids of the contacts in the list, in its order."""
    return re.findall(r'<a href="/leads/(\d+)">', html)


def score(api: Api, points: float, grade: str = "A", **properties: str) -> str:
    """Create a contact with a score and return its id."""
    usual = {"lead_score_trend": "up", "lead_scored_at": "2011-11-30"}
    return api.create(lead_score=str(points), lead_grade=grade, **(usual | properties))
