"""Where a session begins and ends, whose it is, and what it counts."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.contracts.audit import audit
from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import FctSession
from de_assets.transforms.clean import clean_events
from de_assets.transforms.deduplicate import IS_DUPLICATE
from de_assets.transforms.sessions import SESSION_PAUSE, make_sessions
from de_assets_tests.world import ANNA, BORIS, DIALECT, VISITOR, event, moment, raw, table

NOON = moment("2011-03-07 12:00")
MINUTE = timedelta(minutes=1)


def sessions(*events, engine="in-memory"):
    return make_sessions(table("cleaned/events", *events)).collect(engine=engine)


def lengths(*events):
    return sessions(*events)["events"].to_list()


@pytest.mark.parametrize(
    ("pause", "expected"),
    [(MINUTE, [2]), (SESSION_PAUSE, [2]), (SESSION_PAUSE + timedelta(microseconds=1), [1, 1])],
)
def test_a_longer_pause_ends_a_session(pause, expected):
    assert lengths(event(NOON), event(NOON + pause)) == expected


def test_a_session_may_last_longer_than_the_pause():
    assert lengths(*(event(NOON + n * SESSION_PAUSE) for n in range(5))) == [5]


def test_midnight_ends_a_session():
    before, after = moment("2011-03-07 23:59"), moment("2011-03-08 00:01")

    assert lengths(event(before), event(after)) == [1, 1]
    named = sessions(event(before, session_id="s"), event(after, session_id="s"))
    assert named.select("session_id", "dt").is_unique().all()
    assert named["events"].to_list() == [1, 1]


def test_the_tracker_knows_better_than_the_pause():
    far_apart = [event(NOON + n * 5 * SESSION_PAUSE, session_id="s") for n in range(2)]
    close = [event(NOON + n * MINUTE, session_id=f"s{n}") for n in range(2)]

    assert lengths(*far_apart) == [2]
    assert sorted(sessions(*close)["session_id"]) == ["s0", "s1"]


def test_visitors_are_not_mixed_up_even_where_their_ids_are_alike():
    found = sessions(
        event(NOON, contact_id="17"),
        event(NOON, contact_id=None, visitor_id="17"),
        event(NOON, contact_id=None, visitor_id="18"),
        event(NOON, contact_id="18", visitor_id="17"),
    )

    assert found["events"].to_list() == [1, 1, 1, 1]
    assert sorted(found["contact_id"].to_list(), key=str) == ["17", "18", None, None]


def test_a_session_belongs_to_whoever_the_visitor_turns_out_to_be(engine):
    found = sessions(
        event(NOON, contact_id=None, visitor_id="v", session_id="s", channel="search"),
        event(NOON + MINUTE, contact_id=BORIS, visitor_id="v", session_id="s", channel="direct"),
        engine=engine,
    )

    assert found["contact_id"].to_list() == [BORIS]


@pytest.mark.parametrize("visitor", ["a", "z"])
def test_the_channel_is_that_of_the_first_event_that_has_one(visitor, engine):
    found = sessions(
        event(NOON, contact_id=None, visitor_id=visitor, session_id="s"),
        event(NOON + MINUTE, contact_id=None, visitor_id=visitor, session_id="s", channel="search"),
        event(NOON + 2 * MINUTE, contact_id=BORIS, session_id="s", channel="direct"),
        engine=engine,
    )

    assert found["channel"].to_list() == ["search"]


def test_a_session_counts_its_events_by_kind():
    kinds = {"view": 3, "cart": 2, "purchase": 1, "email_open": 4, "email_click": 5, "form": 6}
    events = [
        event(NOON + n * MINUTE, event_type=kind, product_id=None if n == 0 else str(n % 2))
        for kind, count in kinds.items()
        for n in range(count)
    ]

    found = sessions(*events, event(NOON, event_type="something else")).row(0, named=True)

    assert found["events"] == sum(kinds.values()) + 1
    counted = ("views", "carts", "purchases", "email_opens", "email_clicks", "forms")
    assert [found[name] for name in counted] == list(kinds.values())
    assert found["products"] == 2
    assert (found["started_at"], found["ended_at"]) == (NOON, NOON + 5 * MINUTE)


EVENTS = st.lists(
    st.builds(
        lambda minutes, contact, visitor, session, kind, channel: event(
            NOON + minutes * MINUTE,
            contact_id=contact,
            visitor_id=visitor,
            session_id=session,
            event_type=kind,
            channel=channel,
        ),
        st.integers(0, 2000),
        st.sampled_from([ANNA, BORIS, None]),
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(["s1", None, None]),
        st.sampled_from(["view", "cart"]),
        st.sampled_from(["email", "search", None]),
    ),
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_sessions_do_not_depend_on_the_order_in_which_events_came(events, random):
    shuffled = random.sample(events, len(events))

    found = sessions(*events)

    assert found.equals(sessions(*shuffled))
    assert found.equals(sessions(*shuffled, engine="streaming"))


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_every_event_is_in_one_session_and_the_sessions_keep_their_contract(events):
    found = sessions(*events)

    assert found["events"].sum() == len(events)
    verdict = audit(FctSession, found.select(*polars_schema(FctSession), "dt"))
    assert (verdict.failing, verdict.structural) == ({}, ())


def test_the_awkward_events_make_these_sessions(engine):
    cleaned = clean_events(raw("events"), DIALECT, lambda: b"").filter(
        ~pl.col(IS_DUPLICATE), pl.coalesce("contact_id", "visitor_id").is_not_null()
    )

    found = make_sessions(cleaned).collect(engine=engine)

    assert found.select("session_id", "contact_id", "events").rows() == [
        (f"visitor:{VISITOR}@2011-03-07T12:00:00", None, 2),
        (f"visitor:{VISITOR}@2011-03-07T12:45:00", None, 1),
        (f"contact:{ANNA}@2011-03-07T23:50:00", ANNA, 1),
        ("s-9", None, 1),
        ("s-9", BORIS, 1),
        (f"contact:{ANNA}@2011-03-08T00:05:00", ANNA, 1),
    ]
