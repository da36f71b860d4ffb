"""Random histories of write-backs against one CRM, in which everything goes wrong that can.

Days in any order, some planned together or pushed late; answers lost, torn or silent; limits,
outages and killed runs; rows that the CRM rejects, alone or with their batch; contacts that it does
not hold, contacts that share a record; and people who write over scores.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from de_assets.crm.client import Change, CrmClient
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import Mode, make_plan
from de_assets.crm.push import push
from de_assets.crm.reconcile import reconcile
from de_assets.crm.score_properties import CONTACT_KEY, MEANINGFUL, values
from de_assets.crm.transport import ATTEMPTS
from de_assets.errors import CrmUnavailableError
from de_assets.storage.objects import LocalStore
from de_assets_tests.crm.faults import LOST, TORN, UNAVAILABLE, Answered, rate_limited, refused
from de_assets_tests.crm.leads import (
    MONDAY,
    Portal,
    Ticks,
    by_key,
    contacts_of,
    held_scores,
    scores_of,
)

DAYS = [MONDAY + timedelta(days=number) for number in range(5)]
CONTACTS = [f"c-{number}" for number in range(7)]
TWIN = "twin"  # another contact with the CRM record of one of them
SILENT = Answered(200, b'{"status": "COMPLETE", "results": []}')
SILENT_BUT_DONE = Answered(200, b'{"status": "COMPLETE", "results": []}', is_applied=True)


class Killed(BaseException):
    """Stands for the end of the process."""


class Story:
    """One random history; the same seed tells the same story."""

    def __init__(self, seed: int, portal: Portal, client: CrmClient, lake: Path) -> None:
        self.chance = random.Random(seed)  # noqa: S311  a story, not a secret
        self.portal = portal
        self.client = client
        self.ledger = Ledger(LocalStore(lake))
        self.now: Callable[[], datetime] = Ticks()
        self.mode: Mode = self.chance.choice(["update_only", "upsert"])
        unknown = self.chance.sample(CONTACTS, 2)
        self.crm_ids: dict[str, str | None] = portal.fill(
            client, [contact for contact in CONTACTS if contact not in unknown]
        )
        self.known = dict(self.crm_ids)
        self.has_twin = self.chance.random() < 0.2
        self.edited: dict[str, str] = {}
        # Few distinct scores, so that many days change nothing for many contacts.
        self.scores = {
            day: {contact: self.chance.choice([10, 40, 90]) for contact in CONTACTS} for day in DAYS
        }

    def plan(self, day: date) -> pl.DataFrame:
        scores, crm_ids = dict(self.scores[day]), dict(self.crm_ids)
        if self.has_twin:
            scores[TWIN] = 40
            crm_ids[TWIN] = next(iter(self.known.values()))
        known = self.ledger.read().lazy()
        return make_plan(scores_of(day, scores), contacts_of(crm_ids), known, self.mode).collect()

    def push(
        self, plan: pl.DataFrame, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> None:
        with suppress(Killed, CrmUnavailableError):
            push(
                self.client,
                plan,
                self.ledger,
                f"run-{self.chance.random()}",
                now=self.now,
                progress=progress,
                batch_size=3,
            )
        self._all_is_well()

    def live_through(self) -> None:
        """Plan and push days at random, old ones too, and have things go wrong meanwhile."""
        plans: list[pl.DataFrame] = []
        for _ in range(self.chance.randint(4, 8)):
            plans.append(self.plan(self.chance.choice(DAYS)))
            if self.chance.random() < 0.2:
                self.somebody_edits()
            if self.chance.random() < 0.3:
                continue  # pushed later, when it is out of date
            while plans:
                self.portal.layer.faults.extend(self._trouble())
                self.portal.layer.rewrite = self._spoiling()
                self.push(plans.pop(self.chance.randrange(len(plans))), self._perhaps_die)

    def somebody_edits(self) -> None:
        """A person writes over a score of ours, and changes a name, which is none of ours."""
        contact = self.chance.choice(sorted(self.known))
        name = f"Ada {self.chance.randrange(100)}"
        edit: dict[str, str] = {"firstname": name}
        edit |= self.chance.choice([{}, {"lead_score": "99"}, {"lead_grade": ""}])
        self.client.update([Change(contact, self.known[contact], edit)])
        self.edited[contact] = name

    def read_back(self) -> pl.DataFrame:
        """What differs; those contacts are sent again by the next write-back."""
        differing = reconcile(self.client, self.ledger.read(), DAYS[-1])
        self.ledger.doubt(differing)
        return differing

    def come_to_an_end(self) -> None:
        """The newest day is written back, nothing going wrong any more."""
        self.has_twin = False
        self.push(self.plan(DAYS[-1]))
        self.read_back()
        self.push(self.plan(DAYS[-1]))

    def is_told_rightly(self) -> None:
        """The CRM holds the newest plan, nothing lost, nothing older on top, nobody added."""
        columns = ["contact_id", *MEANINGFUL]
        newest = values(scores_of(DAYS[-1], self.scores[DAYS[-1]])).select(columns).collect()
        expected = {
            contact: meaningful
            for contact, *meaningful in newest.iter_rows()
            if contact in self.known or self.mode == "upsert"
        }
        contacts = list(self.client.list_contacts([CONTACT_KEY, "firstname"]))
        held = held_scores(self.client)
        assert {key: [its[name] for name in MEANINGFUL] for key, its in held.items()} == expected
        assert len(contacts) == len(expected)
        names = {key: contact.properties["firstname"] for key, contact in by_key(contacts).items()}
        assert {key: names[key] for key in self.edited} == self.edited
        assert self.ledger.rejects.read().is_empty()
        assert reconcile(self.client, self.ledger.read(), DAYS[-1]).is_empty()
        self._no_score_went_over_a_newer_one()
        self._nothing_is_sent_any_more()

    def _no_score_went_over_a_newer_one(self) -> None:
        """By the CRM's own history of each contact."""
        for contact in self.client.list_contacts([CONTACT_KEY]):
            history = self.client._transport.request(
                "GET",
                f"/crm/v3/objects/contacts/{contact.crm_id}",
                query={"propertiesWithHistory": "lead_scored_at"},
            )
            days = [v["value"] for v in history["propertiesWithHistory"]["lead_scored_at"]]
            assert days == sorted(days, reverse=True)

    def _nothing_is_sent_any_more(self) -> None:
        self.portal.layer.calls.clear()
        for day in DAYS:
            self.push(self.plan(day))
        assert self.portal.layer.calls == []

    def _all_is_well(self) -> None:
        self.portal.layer.faults.clear()
        self.portal.layer.rewrite = lambda body: body

    def _trouble(self) -> list[Answered | None]:
        kinds: list[list[Answered | None]] = [
            [None],
            [None],
            [LOST, None],
            [TORN, LOST, None],
            [Answered(500), None],
            [UNAVAILABLE],
            [SILENT],
            [SILENT_BUT_DONE],
            [rate_limited("3")],
            [refused(400, "VALIDATION_ERROR")],
            [UNAVAILABLE] * ATTEMPTS,
            [LOST, *[UNAVAILABLE] * ATTEMPTS],
        ]
        return [fault for _ in range(4) for fault in self.chance.choice(kinds)]

    def _spoiling(self) -> Callable[[Any], Any]:
        """The CRM rejects some rows, and without trace ids the whole batch with them."""
        spoilt = self.chance.sample(CONTACTS, self.chance.choice([0, 0, 1, 3]))
        is_traced = self.chance.random() < 0.7

        def spoil(body: Any) -> Any:
            given = deepcopy(body)
            for item in given.get("inputs", []) if isinstance(given, dict) else []:
                if item.get("objectWriteTraceId") in spoilt:
                    item["properties"]["lead_grade"] = "Z"
                if not is_traced:
                    item.pop("objectWriteTraceId", None)
            return given

        return spoil

    def _perhaps_die(self, _done: int, _total: int) -> None:
        if self.chance.random() < 0.2:
            raise Killed
