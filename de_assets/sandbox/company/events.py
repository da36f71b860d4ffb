"""What visitors do in a session, and what becomes of the mails: the single events, still clean."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from de_assets.sandbox.company.catalogue import catalogue_of
from de_assets.sandbox.company.chance import Chance, Floats, Ints, Keys
from de_assets.sandbox.company.orders import NOBODY, repeated
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import CHANNELS, population_of
from de_assets.sandbox.company.sessions import (
    MAIL_WEEKDAY,
    ORDERING,
    PASSING,
    Sessions,
    kept_share,
    openness_on,
    sessions_of,
)

TYPES = ("view", "cart", "form", "purchase", "email_open", "email_click")
VIEW, CART, FORM, PURCHASE, OPEN, CLICK = range(6)

WAYS = ("direct", "organic", "paid_search", "social", "referral", "email")
"""How a visitor came to the shop on this visit; `EMAIL_WAY` for mails."""
EMAIL_WAY = WAYS.index("email")

NONE = np.uint64(0)
"""The session and the visitor of an event that has none."""
NO_PRODUCT = -1

_WAY_SHARES = (0.30, 0.28, 0.17, 0.08, 0.09, 0.08)
# By purpose: browsing, wanting, ordering, passing.
_MORE_VIEWS = (1.6, 2.9, 3.6, 0.45)
_CART = (0.05, 0.30, 1.0, 0.02)
_SECOND_CART = 0.35
_FORM = (0.004, 0.03, 0.0, 0.003)
_LOGGED_IN = (0.45, 0.55, 0.92, 0.0)
_MOST_VIEWS = 40
_OTHER_DEVICE = 0.3
_CLICKS = 0.12
_FORM_ON_ARRIVAL = 0.6
_ARRIVES_BY_FORM = tuple(n for n, name in enumerate(CHANNELS) if name != "trade_show")
_LAST_MS = 86_399_999


@dataclass(frozen=True)
class Events:
    """One entry an event.

    Attributes:
        keys: What chance knows the event by; also its id.
        days: Day on which it happens.
        times_ms: Milliseconds of that day.
        types: Index into `TYPES`.
        contacts: Index of the contact that is logged in, or `NOBODY`.
        visitors: The browser, or `NONE`.
        sessions: The session, or `NONE`.
        products: Index into the catalogue's codes or `NO_PRODUCT`.
        ways: Index into `WAYS`.
    """

    keys: Keys
    days: Ints
    times_ms: Ints
    types: Ints
    contacts: Ints
    visitors: Keys
    sessions: Keys
    products: Ints
    ways: Ints


def events_of(company: Company, first: int, last: int) -> list[Events]:
    """All events that happen from the first to the last of these days, in no order."""
    chance = Chance(company.seed)
    parts = [
        _in_sessions(company, chance, sessions_of(company, first, last)),
        _arrivals(company, chance, first, last),
    ]
    mails = [
        _mails(company, chance, day)
        for day in range(first, last + 1)
        if (company.start + timedelta(days=day)).weekday() == MAIL_WEEKDAY
    ]
    return parts + mails


def visitor_of(chance: Chance, contacts: Ints, keys: Keys) -> Keys:
    """The browser that a contact uses this time: mostly the first of two."""
    return chance.keys("visitor", contacts, chance.happens(_OTHER_DEVICE, "device", keys))


def _by_purpose(values: tuple[float, ...], sessions: Sessions) -> Floats:
    return np.array(values)[sessions.purposes]


def _in_sessions(company: Company, chance: Chance, sessions: Sessions) -> Events:
    keys = sessions.keys
    # Geometric numbers: most sessions are short and a few are long.
    mean = _by_purpose(_MORE_VIEWS, sessions)
    more = np.floor(np.log(chance.uniform("views", keys)) / np.log(mean / (1 + mean)))
    views = 1 + np.minimum(more, _MOST_VIEWS - 1).astype(np.int64)
    has_cart = chance.happens(_by_purpose(_CART, sessions), "cart", keys)
    carts = has_cart * (1 + chance.happens(_SECOND_CART, "second cart", keys))
    forms = chance.happens(_by_purpose(_FORM, sessions), "form", keys).astype(np.int64)
    ends = np.cumsum([views, carts, forms, sessions.purposes == ORDERING], axis=0)
    of, number = repeated(np.arange(len(keys)), ends[-1])
    types = (number >= ends[:3, of]).sum(axis=0)
    event_keys = chance.keys("event", keys[of], number)
    pace_ms = 12_000 + chance.below(50_000, "pace", keys)
    within = number + chance.uniform("moment", event_keys)
    times = sessions.minutes[of] * 60_000 + np.floor(within * pace_ms[of]).astype(np.int64)
    logged_in = chance.happens(_by_purpose(_LOGGED_IN, sessions), "logged in", keys)
    products = catalogue_of(company).pick(
        sessions.days[of], chance.uniform("seen product", event_keys)
    )
    return Events(
        keys=event_keys,
        days=sessions.days[of],
        times_ms=np.minimum(times, _LAST_MS),
        types=types,
        contacts=np.where(logged_in, sessions.contacts, NOBODY)[of],
        visitors=np.where(
            sessions.purposes == PASSING, keys, visitor_of(chance, sessions.contacts, keys)
        )[of],
        sessions=chance.keys("session", keys)[of],
        products=np.where(types <= CART, products, NO_PRODUCT),
        ways=chance.pick(_WAY_SHARES, "way", keys)[of],
    )


def _arrivals(company: Company, chance: Chance, first: int, last: int) -> Events:
    """Contacts who arrive through the web fill in a form."""
    people = population_of(company)
    is_new = (people.created_days >= first) & (people.created_days <= last)
    who = np.flatnonzero(is_new & np.isin(people.channels, _ARRIVES_BY_FORM))
    share = _FORM_ON_ARRIVAL * kept_share(company)
    who = who[chance.happens(share, "form on arrival", who)]
    keys = chance.keys("arrival", who)
    return Events(
        keys=keys,
        days=people.created_days[who],
        times_ms=people.created_minutes[who] * 60_000 + chance.below(60_000, "moment", keys),
        types=np.full(len(who), FORM),
        contacts=who,
        visitors=visitor_of(chance, who, keys),
        sessions=chance.keys("session", keys),
        products=np.full(len(who), NO_PRODUCT),
        ways=chance.pick(_WAY_SHARES, "way", keys),
    )


def _mails(company: Company, chance: Chance, day: int) -> Events:
    """A mail to all contacts: some open it, a few of these click."""
    share = openness_on(company, day) * kept_share(company)
    everyone = np.arange(company.contacts)
    opened = everyone[chance.happens(share, "opens", everyone, day)]
    clicked = opened[chance.happens(_CLICKS, "clicks", opened, day)]
    at = 9 * 3_600_000 + np.floor(
        -2.5 * 3_600_000 * np.log(chance.uniform("opened after", opened, day))
    ).astype(np.int64)
    clicked_at = (
        at[np.searchsorted(opened, clicked)] + 2_000 + chance.below(60_000, "look", clicked)
    )
    who = np.concatenate([opened, clicked])
    is_click: NDArray[np.int64] = np.repeat([0, 1], [len(opened), len(clicked)])
    none = np.full(len(who), NONE)
    return Events(
        keys=chance.keys("mail", who, day, is_click),
        days=np.full(len(who), day),
        times_ms=np.minimum(np.concatenate([at, clicked_at]), _LAST_MS),
        types=OPEN + is_click,
        contacts=who,
        visitors=none,
        sessions=none,
        products=np.full(len(who), NO_PRODUCT),
        ways=np.full(len(who), EMAIL_WAY),
    )
