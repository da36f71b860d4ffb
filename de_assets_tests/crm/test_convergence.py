"""Whatever goes wrong between, the CRM ends with the newest scores and nothing is sent for ever.

Each seed is one story: days in any order, some planned together or pushed late, answers lost,
limits, outages and killed runs, contacts that the CRM does not hold.
"""

import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from de_assets.crm.client import CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import Mode, make_plan
from de_assets.crm.push import push, reconcile
from de_assets.crm.score_properties import CONTACT_KEY, MEANINGFUL, values
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmUnavailableError
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.faults import (
    LOST,
    TORN,
    UNAVAILABLE,
    Answered,
    rate_limited,
    refused,
)
from de_assets_tests.crm.leads import (
    MONDAY,
    Portal,
    Ticks,
    contacts_of,
    held_scores,
    scores_of,
)

SEEDS = 60
DAYS = [MONDAY + timedelta(days=number) for number in range(5)]
CONTACTS = [f"c-{number}" for number in range(7)]


class Killed(BaseException):
    """Stands for the end of the process."""


class Story:
    """One random history of write-backs against one CRM."""

    def __init__(self, seed: int, portal: Portal, client: CrmClient, lake: Path) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a story, not a secret
        self.portal = portal
        self.client = client
        self.ledger = Ledger(LocalStore(lake))
        self.now = Ticks()
        self.mode: Mode = self.chance.choice(["update_only", "upsert"])
        unknown = self.chance.sample(CONTACTS, 2)
        self.crm_ids: dict[str, str | None] = portal.fill(
            client, [contact for contact in CONTACTS if contact not in unknown]
        )
        # Few distinct scores, so that many days change nothing for many contacts.
        self.scores = {
            day: {contact: self.chance.choice([10, 40, 90]) for contact in CONTACTS} for day in DAYS
        }

    def plan(self, day: date) -> pl.DataFrame:
        scores = scores_of(day, self.scores[day])
        known = self.ledger.read().lazy()
        return make_plan(scores, contacts_of(self.crm_ids), known, self.mode).collect()

    def push(self, plan: pl.DataFrame, progress: Callable[[int, int], None]) -> None:
        try:
            push(
                self.client,
                plan,
                self.ledger,
                f"run-{self.chance.random()}",
                now=self.now,
                progress=progress,
                batch_size=3,
            )
        except (Killed, CrmUnavailableError):
            self.portal.layer.faults.clear()

    def live_through(self) -> None:
        """Plan and push days at random, old ones too, and have things go wrong meanwhile."""
        plans: list[pl.DataFrame] = []
        for _ in range(self.chance.randint(4, 8)):
            day = self.chance.choice(DAYS)
            plans.append(self.plan(day))
            if self.chance.random() < 0.3:
                continue  # pushed later, when it is out of date
            while plans:
                self.portal.layer.faults.extend(self._trouble())
                self.push(plans.pop(self.chance.randrange(len(plans))), self._perhaps_die)
                self.portal.layer.faults.clear()

    def _trouble(self) -> list[Answered | None]:
        kinds: list[list[Answered | None]] = [
            [None],
            [None],
            [LOST, None],
            [TORN, LOST, None],
            [UNAVAILABLE],
            [rate_limited("3")],
            [refused(400, "VALIDATION_ERROR")],
            [UNAVAILABLE] * ATTEMPTS,
            [LOST, *[UNAVAILABLE] * ATTEMPTS],
        ]
        return [fault for _ in range(4) for fault in self.chance.choice(kinds)]

    def _perhaps_die(self, _done: int, _total: int) -> None:
        if self.chance.random() < 0.2:
            raise Killed


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_crm_ends_with_the_newest_scores(
    portal: Portal, client: CrmClient, tmp_path: Path, seed: int
) -> None:
    story = Story(seed, portal, client, tmp_path)
    story.live_through()

    story.push(story.plan(DAYS[-1]), lambda _done, _total: None)

    columns = ["contact_id", *MEANINGFUL]
    newest = values(scores_of(DAYS[-1], story.scores[DAYS[-1]])).select(columns).collect()
    held = held_scores(client)
    expected = {
        contact: meaningful
        for contact, *meaningful in newest.iter_rows()
        if contact in story.crm_ids or story.mode == "upsert"
    }
    assert {key: [its[name] for name in MEANINGFUL] for key, its in held.items()} == expected
    assert reconcile(client, story.ledger.read(), DAYS[-1]).is_empty()
    _no_score_went_over_a_newer_one(client)

    portal.layer.calls.clear()
    for day in DAYS:
        story.push(story.plan(day), lambda _done, _total: None)

    assert portal.layer.calls == []


def test_update_only_never_asks_the_crm_to_create(
    portal: Portal, client: CrmClient, tmp_path: Path
) -> None:
    for seed in range(5):
        portal.empty()
        story = Story(seed, portal, client, tmp_path / str(seed))
        story.mode = "update_only"

        story.live_through()

        assert {call.path.rsplit("/", 1)[1] for call in portal.layer.writes} == {"update"}
        assert len(held_scores(client)) == len(story.crm_ids)


def _no_score_went_over_a_newer_one(client: CrmClient) -> None:
    """By the CRM's own history of each contact."""
    for contact in client.list_contacts([CONTACT_KEY]):
        history = client._transport.request(
            "GET",
            f"/crm/v3/objects/contacts/{contact.crm_id}",
            query={"propertiesWithHistory": "lead_scored_at"},
        )
        days = [v["value"] for v in history["propertiesWithHistory"]["lead_scored_at"]]
        assert days == sorted(days, reverse=True)
