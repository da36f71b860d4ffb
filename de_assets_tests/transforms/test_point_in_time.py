"""Features know nothing of what comes later, and nothing of the order or number of rows' parts."""

import subprocess
import sys
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from de_assets.transforms.contacts import roll_up_contacts, track_contacts
from de_assets.transforms.features import contact_features
from de_assets.transforms.orders import match_cancellations
from de_assets.transforms.sessions import make_sessions
from de_assets_tests.world import ANNA, BORIS, CLARA, MONDAY, event, moment, order_line, table

DAY = timedelta(days=1)
TODAY = MONDAY + 400 * DAY
START = moment("2011-03-07 00:00")


def walk(orders, events, as_of=TODAY, engine="in-memory"):
    """From cleaned rows to features, as the assets walk."""
    order_lines, visits = table("cleaned/order_lines", *orders), table("cleaned/events", *events)
    contacts = track_contacts(table("cleaned/contacts"), order_lines, visits)
    activity = roll_up_contacts(match_cancellations(order_lines), make_sessions(visits))
    return contact_features(activity, contacts, as_of).collect(engine=engine)


WHO = st.sampled_from([ANNA, BORIS, CLARA, None])
MINUTES = st.integers(0, 800 * 24 * 60).map(lambda n: START + timedelta(minutes=n))
ORDERS = st.lists(
    st.builds(
        lambda at, who, quantity, pence, country: order_line(
            at,
            contact_id=who,
            quantity=quantity * 1.0,
            unit_price=pence / 100,
            country=country,
            is_cancellation=quantity < 0,
        ),
        MINUTES,
        WHO,
        st.integers(-5, 20).filter(bool),
        st.integers(0, 99_999),
        st.sampled_from([None, "UK", "France"]),
    ),
    max_size=40,
)
EVENTS = st.lists(
    st.builds(
        lambda at, who, kind: event(at, contact_id=who, visitor_id="v", event_type=kind),
        MINUTES,
        WHO,
        st.sampled_from(["view", "cart", "email_open"]),
    ),
    max_size=20,
)


@settings(max_examples=50, deadline=None)
@given(ORDERS, EVENTS)
def test_whatever_comes_after_today_changes_no_feature_of_today(orders, events):
    by_today = [[row for row in rows if row["dt"] <= TODAY] for rows in (orders, events)]

    assert walk(orders, events).equals(walk(*by_today))


@settings(max_examples=40, deadline=None)
@given(ORDERS, EVENTS, st.randoms(use_true_random=False))
def test_features_are_the_same_to_the_last_bit_in_any_order_of_rows(orders, events, random):
    shuffled = [random.sample(rows, len(rows)) for rows in (orders, events)]

    found = walk(orders, events)

    assert found.equals(walk(*shuffled))
    assert found.equals(walk(*shuffled, engine="streaming"))


@settings(max_examples=40, deadline=None)
@given(ORDERS, EVENTS)
def test_what_is_older_than_the_history_changes_nothing_but_who_is_known(orders, events):
    as_of = MONDAY + 800 * DAY
    first_day = as_of - 729 * DAY
    recent = [[row for row in rows if row["dt"] >= first_day] for rows in (orders, events)]

    whole, short = walk(orders, events, as_of), walk(*recent, as_of)

    since_ever = ["tenure_days", "country"]
    both = whole.join(short.select("contact_id"), on="contact_id", how="semi")
    assert both.drop(since_ever).equals(short.drop(since_ever))


def test_the_country_of_a_later_order_is_not_known_today():
    visited = [event(START, contact_id=BORIS)]
    later = order_line(START + 401 * DAY, contact_id=BORIS, country="France")

    found = walk([later], visited)

    assert found.select("contact_id", "country").rows() == [(BORIS, None)]


MANY_ROWS = """
import hashlib
from datetime import date
import numpy as np
import polars as pl
from de_assets.transforms.contacts import roll_up_contacts
from de_assets.transforms.features import contact_features

chance = np.random.default_rng(7)
rows = 40_000
facts = pl.LazyFrame({
    "contact_id": chance.integers(0, 50, rows).astype(str),
    "dt": chance.integers(0, 300, rows),
    "order_id": chance.integers(0, 9_000, rows).astype(str),
    "product_id": chance.integers(0, 500, rows).astype(str),
    "quantity": chance.integers(1, 50, rows).astype(float),
    "unit_price": chance.random(rows) * 10,
    "is_cancellation": False,
}).with_columns(
    dt=pl.lit(date(2011, 1, 1)) + pl.duration(days="dt"),
    revenue=pl.col("quantity") * pl.col("unit_price"),
)
counts = ("views", "carts", "email_opens", "email_clicks", "forms")
sessions = pl.LazyFrame(
    schema={"contact_id": pl.String, "dt": pl.Date} | dict.fromkeys(counts, pl.UInt32)
)
contacts = facts.group_by("contact_id").agg(
    valid_from=pl.col("dt").min(), first_seen_on=pl.col("dt").min(), valid_to=pl.lit(None, pl.Date),
    country=pl.lit("UK"), channel=pl.lit(None, pl.String),
)
for engine in ("in-memory", "streaming"):
    activity = roll_up_contacts(facts, sessions)
    found = contact_features(activity, contacts, date(2011, 10, 1)).collect(engine=engine)
    digest = hashlib.sha256(found.hash_rows().to_numpy().tobytes())
    print(found.height, digest.hexdigest())
"""


@pytest.fixture(scope="module")
def digests():
    return [
        subprocess.run(
            ["env", f"POLARS_MAX_THREADS={threads}", sys.executable, "-c", MANY_ROWS],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for threads in (1, 3)
    ]


def test_the_number_of_cores_changes_no_bit_of_a_feature(digests):
    one_core, three_cores = digests

    assert one_core[0].startswith("50 ")
    assert {*one_core, *three_cores} == {one_core[0]}


def test_an_empty_world_has_no_features():
    assert walk([], []).is_empty()
    assert walk([], []).schema["recency_days"] == pl.Float64
