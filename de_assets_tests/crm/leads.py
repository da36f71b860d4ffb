"""Scores, contacts and a CRM that holds some of them: where tests of the write-back begin."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import requests

from de_assets.crm.client import BATCH_SIZE, Change, Contact, CrmClient
from de_assets.crm.mock import create_app, running_app
from de_assets.crm.push import ensure_properties
from de_assets.crm.score_properties import CONTACT_KEY, SENT
from de_assets_tests.crm.faults import FaultLayer
from de_assets_tests.crm.mock.api import NOON, TOKEN, Clock

MONDAY, TUESDAY, WEDNESDAY = (date(2011, 11, day) for day in (28, 29, 30))
THURSDAY = date(2011, 12, 1)


def scores_of(
    day: date, scores: Mapping[str, int], *, reasons: str | None = "bought last week"
) -> pl.LazyFrame:
    """`predictions/lead_scores` of a day; the grade follows from the score."""
    return pl.LazyFrame(
        {
            "contact_id": list(scores),
            "scored_for": [day] * len(scores),
            "probability": [score / 100 for score in scores.values()],
            "score": list(scores.values()),
            "grade": ["ABCD"[3 - min(score, 99) // 25] for score in scores.values()],
            "reasons": [reasons] * len(scores),
            "trend": ["steady"] * len(scores),
            "model_version": ["v1"] * len(scores),
        },
        schema={
            "contact_id": pl.String,
            "scored_for": pl.Date,
            "probability": pl.Float64,
            "score": pl.Int32,
            "grade": pl.String,
            "reasons": pl.String,
            "trend": pl.String,
            "model_version": pl.String,
        },
    )


def contacts_of(crm_ids: Mapping[str, str | None]) -> pl.LazyFrame:
    """What `modeled/dim_contact` says of contacts; None is one that the CRM does not hold."""
    return pl.LazyFrame(
        {
            "contact_id": list(crm_ids),
            "is_current": [True] * len(crm_ids),
            "is_in_crm": [crm_id is not None for crm_id in crm_ids.values()],
            "crm_id": list(crm_ids.values()),
        },
        schema={
            "contact_id": pl.String,
            "is_current": pl.Boolean,
            "is_in_crm": pl.Boolean,
            "crm_id": pl.String,
        },
    )


class Ticks:
    """A clock that moves on by a second whenever it is read."""

    def __init__(self) -> None:
        self.moment = datetime(2011, 12, 2, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass
class Portal:
    """A running mock CRM behind a layer of faults, and a client whose pauses are recorded."""

    base_url: str
    layer: FaultLayer
    clock: Clock
    pauses: list[float] = field(default_factory=list)

    def client(self, **options: object) -> CrmClient:
        """A client of this CRM that waits for nothing; close it."""
        given = {"access_token": TOKEN, "sleep": self.pauses.append} | options
        return CrmClient(self.base_url, **given)  # type: ignore[arg-type]

    def fill(self, client: CrmClient, contact_ids: Sequence[str]) -> dict[str, str | None]:
        """Create contacts with our key and define our properties; their ids in the CRM."""
        ensure_properties(client)
        created: dict[str, str | None] = {}
        for start in range(0, len(contact_ids), BATCH_SIZE):
            batch = [Change(key, None, {}) for key in contact_ids[start : start + BATCH_SIZE]]
            created.update(client.upsert(batch, CONTACT_KEY).acknowledged)
        self.layer.calls.clear()
        return created

    def empty(self) -> None:
        """Archive every contact, and forget faults, calls and the time; definitions stay."""
        self.layer.reset()
        self.clock.now = NOON
        self.pauses.clear()
        with self.client() as client:
            ids = [contact.crm_id for contact in client.list_contacts([])]
        for start in range(0, len(ids), BATCH_SIZE):
            requests.post(
                f"{self.base_url}/crm/v3/objects/contacts/batch/archive",
                json={"inputs": [{"id": crm_id} for crm_id in ids[start : start + BATCH_SIZE]]},
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=30,
            ).raise_for_status()
        self.layer.reset()


@contextmanager
def running_portal(database: Path, clock: Clock | None = None) -> Iterator[Portal]:
    clock = clock or Clock()
    layer = FaultLayer(create_app(database, TOKEN, clock=clock))
    with running_app(layer) as crm:
        yield Portal(crm.base_url, layer, clock)


def by_key(contacts: Sequence[Contact]) -> dict[str | None, Contact]:
    return {contact.properties[CONTACT_KEY]: contact for contact in contacts}


def held_scores(client: CrmClient) -> dict[str | None, dict[str, str | None]]:
    """What the CRM holds of every contact: our properties, by our key."""
    return {
        key: {name: contact.properties.get(name) for name in SENT}
        for key, contact in by_key(list(client.list_contacts([CONTACT_KEY, *SENT]))).items()
    }
