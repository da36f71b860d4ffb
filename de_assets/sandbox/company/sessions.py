"""Who visits the web shop when, and why: browsing, wanting something, ordering, passing by.

A visit that leads to an order looks like one that leads nowhere; only more of the former come
before an order. That is the signal that a model can find, and why it cannot find all.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from de_assets.sandbox.company.chance import Chance, Flags, Floats, Ints, Keys
from de_assets.sandbox.company.orders import NOBODY, SALE, orders_of
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import Population, population_of
from de_assets.sandbox.company.purchases import NEVER, Purchases, purchases_of
from de_assets.sandbox.company.trading import Calendar, calendar_of

BROWSING, WANTING, ORDERING, PASSING = range(4)

KNOWN_SHARE = 0.6
"""Of all events, at most this share comes from contacts, logged in or not; strangers the rest."""
EVENTS_PER_SESSION = (2.7, 4.3, 7.1, 1.48)
"""Mean events of a session by purpose, used to fill a day up to the company's size."""
OPENS_PER_MAIL = 1.12
"""Events of an opened mail: the opening, and now and then a click."""
MAIL_WEEKDAY = 1
"""Mails are sent on Tuesdays."""
LEFT_OPENNESS = 0.5
"""Factor on how often a customer who dropped out, or a cold lead, still opens mails."""

_BROWSES_A_DAY = 0.035
_LEFT_CURIOSITY = 0.45
_COLD_CURIOSITY = 0.5
_COOLS_IN_DAYS = 60
# Up to three visits before an order, and the same before nothing.
_VISITS_BEFORE = 3
_VISIT_HAPPENS = 0.5
_VISIT_DAYS_BEFORE = 12.0
_ORDERED_ONLINE = 0.7
_WISHES_A_MONTH = 0.16
_WISH_DAYS = 30


@dataclass(frozen=True)
class Sessions:
    """One entry a session.

    Attributes:
        purposes: `BROWSING`, `WANTING`, `ORDERING` or `PASSING`.
        contacts: Index of the contact or `NOBODY`; the visitor need not be logged in.
        days: Day of the session.
        minutes: Minute of that day in which it begins.
        keys: What chance knows the session by.
    """

    purposes: Ints
    contacts: Ints
    days: Ints
    minutes: Ints
    keys: Keys

    def where(self, chosen: Ints | Flags) -> "Sessions":
        """The sessions at these positions."""
        return Sessions(
            self.purposes[chosen],
            self.contacts[chosen],
            self.days[chosen],
            self.minutes[chosen],
            self.keys[chosen],
        )


def together(parts: list[Sessions]) -> Sessions:
    """The sessions of all parts, one part after the other."""
    return Sessions(
        np.concatenate([part.purposes for part in parts]),
        np.concatenate([part.contacts for part in parts]),
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.minutes for part in parts]),
        np.concatenate([part.keys for part in parts]),
    )


def sessions_of(company: Company, first: int, last: int) -> Sessions:
    """All sessions from the first to the last of these days."""
    chance = Chance(company.seed)
    purposeful = purposeful_sessions(company)
    begin = np.searchsorted(purposeful.days, first, side="left")
    end = np.searchsorted(purposeful.days, last, side="right")
    contacts = together(
        [purposeful.where(np.arange(begin, end)), _browsing(company, chance, first, last)]
    )
    kept = chance.happens(kept_share(company), "session kept", contacts.keys)
    return together([contacts.where(kept), _passing(company, chance, first, last)])


@lru_cache(maxsize=4)
def purposeful_sessions(company: Company) -> Sessions:
    """Sessions of all days of contacts who want or order something, by day."""
    chance = Chance(company.seed)
    orders = orders_of(company)
    people = population_of(company)
    sales = np.flatnonzero(orders.kinds == SALE)
    online = sales[chance.happens(_ORDERED_ONLINE, "online", orders.keys[sales])]
    ordering = Sessions(
        purposes=np.full(len(online), ORDERING),
        contacts=orders.contacts[online],
        days=orders.days[online],
        minutes=orders.minutes[online] - 25,
        keys=chance.keys("ordering", orders.keys[online]),
    )
    month = np.arange(company.length_days // _WISH_DAYS + 2)
    who = np.arange(company.contacts)
    wish = _WISHES_A_MONTH * np.minimum(people.curiosity, 3)
    has_wish = chance.happens(wish[:, None], "wish", who[:, None], month[None, :])
    wishing, in_month = np.nonzero(has_wish)
    wish_keys = chance.keys("wish", wishing, in_month)
    wish_day = in_month * _WISH_DAYS + chance.below(_WISH_DAYS, "wish day", wish_keys)
    parts = [
        ordering,
        _visits(chance, orders.contacts[sales], orders.days[sales], orders.keys[sales]),
        _visits(chance, wishing, wish_day, wish_keys),
    ]
    all_of = together(parts)
    is_inside = (
        (all_of.days >= 0)
        & (all_of.days < company.length_days)
        & (all_of.days >= people.created_days[all_of.contacts])
    )
    inside = all_of.where(is_inside)
    return inside.where(np.lexsort((inside.keys, inside.days)))


def kept_share(company: Company) -> float:
    """Share of the contacts' sessions and mails that is kept, so that they do not exceed theirs."""
    known = _known_events_per_day(company)
    if known == 0:
        return 1.0
    return float(min(1.0, KNOWN_SHARE * company.events_per_day / known))


@lru_cache(maxsize=4)
def _known_events_per_day(company: Company) -> float:
    purposeful = purposeful_sessions(company)
    means = np.array(EVENTS_PER_SESSION)
    total = float(means[purposeful.purposes].sum()) / company.length_days
    some_days = np.unique(np.linspace(0, company.length_days - 1, 12).astype(np.int64))
    for day in some_days:
        browsing = float(browsing_chance(company, np.array([day])).sum()) * means[BROWSING]
        opening = float(openness_on(company, int(day)).sum()) * OPENS_PER_MAIL / 7
        total += (browsing + opening) / len(some_days)
    return total


def browsing_chance(company: Company, days: Ints) -> Floats:
    """Chance, a row a contact and a column a day, that the contact browses on that day."""
    people = population_of(company)
    bought = purchases_of(company)
    age = days[None, :] - people.created_days[:, None]
    warmth = np.where(
        (bought.first_days < NEVER)[:, None],
        np.where(days[None, :] > bought.left_days[:, None], _LEFT_CURIOSITY, 1.0),
        _COLD_CURIOSITY + (1 - _COLD_CURIOSITY) * np.exp(-np.maximum(age, 0) / _COOLS_IN_DAYS),
    )
    busy = _web_weight(calendar_of(company), days)
    wanted = _BROWSES_A_DAY * people.curiosity[:, None] * warmth * busy[None, :]
    return np.where(age >= 0, np.minimum(wanted, 0.9), 0.0)


def openness_on(company: Company, day: int) -> Floats:
    """Chance by contact that a mail sent on this day is opened."""
    people: Population = population_of(company)
    bought: Purchases = purchases_of(company)
    is_cold = (day > bought.left_days) | (
        (bought.first_days == NEVER) & (day > people.created_days + 2 * _COOLS_IN_DAYS)
    )
    openness = people.openness * np.where(is_cold, LEFT_OPENNESS, 1.0)
    return np.where(people.created_days < day, openness, 0.0)


def _visits(chance: Chance, contacts: Ints, days: Ints, keys: Keys) -> Sessions:
    visit = np.arange(_VISITS_BEFORE)[None, :]
    happens = chance.happens(_VISIT_HAPPENS, "visit", keys[:, None], visit)
    lag = -_VISIT_DAYS_BEFORE * np.log(chance.uniform("visit before", keys[:, None], visit))
    source, number = np.nonzero(happens)
    visit_keys = chance.keys("visit", keys[source], number)
    return Sessions(
        purposes=np.full(len(source), WANTING),
        contacts=contacts[source],
        days=days[source] - 1 - np.floor(lag[source, number]).astype(np.int64),
        minutes=_minutes(chance, visit_keys),
        keys=visit_keys,
    )


def _browsing(company: Company, chance: Chance, first: int, last: int) -> Sessions:
    days = np.arange(first, last + 1)
    who = np.arange(company.contacts)
    likely = browsing_chance(company, days)
    happens = chance.happens(likely, "browsing", who[:, None], days[None, :])
    contacts, column = np.nonzero(happens)
    keys = chance.keys("browsing", contacts, days[column])
    return Sessions(
        purposes=np.full(len(keys), BROWSING),
        contacts=contacts,
        days=days[column],
        minutes=_minutes(chance, keys),
        keys=keys,
    )


def _passing(company: Company, chance: Chance, first: int, last: int) -> Sessions:
    days = np.arange(first, last + 1)
    known = kept_share(company) * _known_events_per_day(company)
    missing = max(0.0, company.events_per_day - known) / EVENTS_PER_SESSION[PASSING]
    expected = missing * _web_weight(calendar_of(company), days)
    counts = np.floor(expected + chance.uniform("passing", days)).astype(np.int64)
    day = np.repeat(days, counts)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = chance.keys("passing", day, number)
    return Sessions(
        purposes=np.full(len(keys), PASSING),
        contacts=np.full(len(keys), NOBODY),
        days=day,
        minutes=_minutes(chance, keys),
        keys=keys,
    )


def _web_weight(calendar: Calendar, days: Ints) -> Floats:
    """People browse on closed days too, only less."""
    return 0.55 + 0.45 * calendar.weight(days)


def _minutes(chance: Chance, keys: Keys) -> Ints:
    """From six in the morning to half past eleven, mostly in the afternoon and evening."""
    return 360 + chance.below(420, "minute", keys) + chance.below(630, "later", keys)
