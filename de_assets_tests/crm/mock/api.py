"""A plain HTTP caller of the mock CRM and a clock that tests set; used by the tests beside it.

It knows no rules of the API, unlike the project's own client.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

TOKEN = "pat-test-token"
V3 = "/crm/v3/objects/contacts"
DATED = "/crm/objects/2026-03/contacts"
NOON = datetime(2011, 11, 30, 12, tzinfo=UTC)

SCORE_PROPERTIES: tuple[Mapping[str, object], ...] = (
    {"name": "lead_score", "type": "number", "fieldType": "number"},
    {
        "name": "lead_grade",
        "type": "enumeration",
        "fieldType": "select",
        "options": [{"label": grade, "value": grade} for grade in "ABCD"],
    },
    {"name": "lead_score_reasons", "type": "string", "fieldType": "textarea"},
    {
        "name": "lead_score_trend",
        "type": "enumeration",
        "fieldType": "select",
        "options": [{"label": trend, "value": trend} for trend in ("up", "steady", "down")],
    },
    {"name": "lead_score_model_version", "type": "string", "fieldType": "text"},
    {"name": "lead_scored_at", "type": "date", "fieldType": "date"},
    {"name": "lead_score_run_id", "type": "string", "fieldType": "text"},
    {"name": "customer_id", "type": "string", "fieldType": "text", "hasUniqueValue": True},
    {"name": "channel", "type": "string", "fieldType": "text"},
)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self.now += timedelta(seconds=seconds)


class Api:
    """Calls one server with the right token."""

    def __init__(self, base_url: str, objects: str = DATED) -> None:
        self.base_url = base_url
        self.objects = objects
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def call(
        self, method: str, path: str, body: object = None, **params: str | int
    ) -> requests.Response:
        """Call a path of the server, with a JSON body if there is one."""
        return self.session.request(
            method, self.base_url + path, json=body, params=params, timeout=30
        )

    def post(self, path: str, body: object) -> requests.Response:
        """Post to a path below contacts."""
        return self.call("POST", self.objects + path, body)

    def get(self, path: str, **params: str | int) -> requests.Response:
        """Get a path below contacts."""
        return self.call("GET", self.objects + path, **params)

    def patch(self, path: str, properties: Mapping[str, str], **params: str) -> requests.Response:
        """Patch a path below contacts."""
        return self.call("PATCH", self.objects + path, {"properties": properties}, **params)

    def batch(self, action: str, inputs: Sequence[Mapping[str, object]]) -> requests.Response:
        """Post a batch."""
        return self.post(f"/batch/{action}", {"inputs": inputs})

    def create(self, **properties: str) -> str:
        """Create a contact and return its id."""
        answer = self.post("", {"properties": properties})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def read(self, contact_id: str, **params: str) -> dict[str, Any]:
        """Return the properties of a contact."""
        answer = self.get(f"/{contact_id}", **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["properties"])

    def define(self, *definitions: Mapping[str, object]) -> None:
        """Create custom properties."""
        complete = [
            {"label": item["name"], "groupName": "contactinformation", **item}
            for item in definitions
        ]
        answer = self.call(
            "POST", "/crm/properties/2026-03/contacts/batch/create", {"inputs": complete}
        )
        assert answer.status_code == 201, answer.text
