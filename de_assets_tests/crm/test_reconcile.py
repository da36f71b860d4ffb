"""Reading back: what differs between the ledger and the CRM, and what only looks as if it did."""

from datetime import timedelta

import polars as pl
import pytest

from de_assets.contracts.audit import audit
from de_assets.contracts.crm import Reconciliation
from de_assets.crm.client import BATCH_SIZE, HISTORY_BATCH_SIZE, CrmClient
from de_assets.crm.destination import Change
from de_assets.crm.ledger import Ledger
from de_assets.crm.plan import make_plan
from de_assets.crm.push import push
from de_assets.crm.reconcile import reconcile
from de_assets.crm.score_properties import is_same_value
from de_assets_tests.crm.leads import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Portal,
    Ticks,
    contacts_of,
    scores_of,
)


def _written(
    portal: Portal, client: CrmClient, ledger: Ledger, *contacts: str
) -> dict[str, str | None]:
    """Contacts of the CRM with an acknowledged score each; their ids there."""
    crm_ids = portal.fill(client, contacts)
    scores = scores_of(TUESDAY, dict.fromkeys(contacts, 57))
    plan = make_plan(scores, contacts_of(crm_ids), ledger.read().lazy(), "update_only")
    push(client, plan.collect(), ledger, "run-0001", now=Ticks())
    portal.layer.calls.clear()
    return crm_ids


def _differing(client: CrmClient, ledger: Ledger) -> list[tuple[str, str, str | None, str | None]]:
    frame = reconcile(client, ledger.read(), WEDNESDAY)
    verdict = audit(Reconciliation, frame)
    assert verdict.structural == ()
    assert verdict.failing == {}
    assert frame.schema["dt"] == pl.Date
    assert set(frame["dt"]) <= {WEDNESDAY}
    return frame.select("contact_id", "property_name", "acknowledged", "found").rows()


def test_a_crm_that_holds_what_it_acknowledged_differs_in_nothing(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    _written(portal, client, ledger, *(f"c-{number}" for number in range(BATCH_SIZE + 1)))

    assert _differing(client, ledger) == []
    assert len(portal.layer.calls) == 2
    assert portal.layer.writes == []


def test_an_empty_ledger_asks_nothing(portal: Portal, client: CrmClient, ledger: Ledger) -> None:
    assert _differing(client, ledger) == []
    assert portal.layer.calls == []


def test_a_human_edit_a_cleared_value_and_a_deleted_contact_each_show(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = _written(portal, client, ledger, "edited", "cleared", "fine")
    client.update(
        [
            Change("edited", crm_ids["edited"], {"lead_grade": "A", "firstname": "Ada"}),
            Change("cleared", crm_ids["cleared"], {"lead_score": "", "lead_score_reasons": ""}),
        ]
    )
    rows = ledger.read()
    gone = rows.filter(contact_id="fine").with_columns(
        contact_id=pl.lit("gone"), crm_id=pl.lit("999999")
    )

    frame = reconcile(client, pl.concat([rows, gone]), WEDNESDAY)

    found = frame.select("contact_id", "property_name", "acknowledged", "found").rows()
    assert found == [
        ("cleared", "lead_score", "57", None),
        ("cleared", "lead_score_reasons", "bought last week", None),
        ("edited", "lead_grade", "B", "A"),
        ("gone", "contact", None, None),
    ]


def test_what_differs_tells_who_wrote_it_and_when(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    names = [f"c-{number:03}" for number in range(HISTORY_BATCH_SIZE + 2)]
    crm_ids = _written(portal, client, ledger, *names)
    for place in range(0, len(names), BATCH_SIZE):
        batch = names[place : place + BATCH_SIZE]
        client.update([Change(name, crm_ids[name], {"lead_grade": "A"}) for name in batch])
    edited_at = portal.clock.now.replace(tzinfo=None)

    frame = reconcile(client, ledger.read(), WEDNESDAY)

    assert frame["contact_id"].to_list() == names
    assert set(frame["property_name"]) == {"lead_grade"}
    assert set(frame["written_by"]) == {"INTEGRATION"}
    assert (frame["written_at"] - edited_at).abs().max() < timedelta(minutes=1)
    gone = ledger.read().head(1).with_columns(crm_id=pl.lit("999999"))
    assert reconcile(client, gone, WEDNESDAY)["written_by"].to_list() == [None]


def test_what_somebody_wrote_over_is_sent_again_and_then_left_alone(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = _written(portal, client, ledger, "edited", "fine")
    client.update([Change("edited", crm_ids["edited"], {"lead_score": "99", "firstname": "Ada"})])
    scores = scores_of(TUESDAY, {"edited": 57, "fine": 57})
    older = scores_of(MONDAY, {"edited": 1, "fine": 1})

    ledger.doubt(reconcile(client, ledger.read(), WEDNESDAY))
    portal.layer.calls.clear()
    for each in (older, scores, scores):
        plan = make_plan(each, contacts_of(crm_ids), ledger.read().lazy(), "update_only")
        push(client, plan.collect(), ledger, "run-0002", now=Ticks())

    assert [len(call.body["inputs"]) for call in portal.layer.writes] == [1]
    assert portal.layer.writes[0].body["inputs"][0]["objectWriteTraceId"] == "edited"
    (contact,) = client.read_contacts([str(crm_ids["edited"])], ["lead_score", "firstname"])
    assert contact.properties["lead_score"] == "57"
    assert contact.properties["firstname"] == "Ada"
    assert _differing(client, ledger) == []


def test_a_contact_that_is_gone_is_not_sent_again(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    _written(portal, client, ledger, "a")
    portal.empty()

    ledger.doubt(reconcile(client, ledger.read(), WEDNESDAY))

    assert ledger.read()["fingerprint"].null_count() == 0


def test_an_archived_contact_is_gone(portal: Portal, client: CrmClient, ledger: Ledger) -> None:
    _written(portal, client, ledger, "a")
    portal.empty()

    assert _differing(client, ledger) == [("a", "contact", None, None)]


def test_another_way_of_writing_the_same_value_is_no_difference(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = _written(portal, client, ledger, "a")
    midnight = str(1_322_524_800_000)
    client.update([Change("a", crm_ids["a"], {"lead_score": "57.0", "lead_scored_at": midnight})])

    assert _differing(client, ledger) == []


def test_a_score_without_reasons_is_no_difference(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    scores = scores_of(TUESDAY, {"a": 57}, reasons=None)
    plan = make_plan(scores, contacts_of(crm_ids), ledger.read().lazy(), "update_only")
    push(client, plan.collect(), ledger, "run-0001", now=Ticks())

    assert _differing(client, ledger) == []


def test_of_contacts_that_became_one_record_only_the_last_score_counts(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    crm_ids = portal.fill(client, ["a"])
    now = Ticks()
    for day, contact, score in ((MONDAY, "a", 30), (TUESDAY, "b", 57)):
        scores = scores_of(day, {contact: score})
        contacts = contacts_of({contact: crm_ids["a"]})
        plan = make_plan(scores, contacts, ledger.read().lazy(), "update_only")
        push(client, plan.collect(), ledger, "run-0001", now=now)
        now.moment += timedelta(hours=1)

    assert ledger.read().height == 2
    assert _differing(client, ledger) == []


def test_a_contact_that_was_never_acknowledged_is_not_read_back(
    portal: Portal, client: CrmClient, ledger: Ledger
) -> None:
    _written(portal, client, ledger, "a")
    ledger.begin(WEDNESDAY, "run-0002", ["never"])

    assert ledger.read().height == 2
    assert _differing(client, ledger) == []


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("lead_score", "57", "57"),
        ("lead_score", "57", "57.0"),
        ("lead_score", "57", "5.7e1"),
        ("lead_scored_at", "2011-11-29", "2011-11-29"),
        ("lead_scored_at", "2011-11-29", "1322524800000"),
        ("lead_scored_at", "2011-11-29", "2011-11-29T00:00:00.000Z"),
        ("lead_score_reasons", "", None),
        ("lead_score_reasons", "", ""),
        ("lead_grade", "A", "A"),
    ],
)
def test_the_same_value_is_seen_as_the_same(name: str, sent: str, held: str | None) -> None:
    assert is_same_value(name, sent, held)


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("lead_score", "57", "58"),
        ("lead_score", "57", None),
        ("lead_score", "57", ""),
        ("lead_score", "57", "high"),
        ("lead_scored_at", "2011-11-29", "2011-11-28"),
        ("lead_scored_at", "2011-11-29", "2011-11-29T12:00:00Z"),
        ("lead_scored_at", "2011-11-29", "1322568000000"),
        ("lead_scored_at", "2011-11-29", "9" * 30),
        ("lead_scored_at", "2011-11-29", "last week"),
        ("lead_grade", "A", "a"),
        ("lead_score_reasons", "57", "57.0"),
        ("lead_score_reasons", "", "written by a human"),
    ],
)
def test_another_value_is_seen_as_another(name: str, sent: str, held: str | None) -> None:
    assert not is_same_value(name, sent, held)
