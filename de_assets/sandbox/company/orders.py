"""The heads of all order documents: kind, contact, time and number, without their lines.

Sales to contacts and to strangers, cancellations of earlier sales, write-offs of stock. They are
few, and numbered across the whole run, so they are always made for all days.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from de_assets.sandbox.company.chance import Chance, Floats, Ints, Keys
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import population_of
from de_assets.sandbox.company.purchases import purchases_of
from de_assets.sandbox.company.trading import Calendar, calendar_of

SALE, STRANGER, CANCELLATION, WRITE_OFF = range(4)

NOBODY = -1
"""The contact of a document that names none."""

_FIRST_NUMBER = 500_001
_SKIPPED_NUMBERS = 0.05
_WRITE_OFFS_PER_DAY = 0.3
# Half of the cancellations within 10 days, nine of ten within 85, as measured.
_CANCELLED_AFTER_DAYS = 10
_CANCELLED_AFTER_SPREAD = 1.67
# The share of orders without a contact swings by month and, more so, by day; on the worst day 0.87.
_SWING_BY_MONTH = 0.3
_SWING_BY_DAY = 0.8
_WORST_DAY = 0.87


@dataclass(frozen=True)
class Orders:
    """One entry a document, by day, minute and number.

    Attributes:
        kinds: `SALE`, `STRANGER`, `CANCELLATION` or `WRITE_OFF`.
        contacts: Index of the contact or `NOBODY`.
        days: Day of the document.
        minutes: Minute of that day.
        keys: What chance knows the document by.
        sizes: Factor on the quantities.
        countries: Index into the population's countries.
        origins: For a cancellation, the entry that it cancels; else -1.
        numbers: The number on the document.
    """

    kinds: Ints
    contacts: Ints
    days: Ints
    minutes: Ints
    keys: Keys
    sizes: Floats
    countries: Ints
    origins: Ints
    numbers: Ints

    def on_days(self, first: int, last: int) -> Ints:
        """Entries of the documents from the first to the last of these days."""
        return np.arange(
            np.searchsorted(self.days, first, side="left"),
            np.searchsorted(self.days, last, side="right"),
        )


@dataclass(frozen=True)
class _Heads:
    kinds: Ints
    contacts: Ints
    days: Ints
    keys: Keys
    origins: Keys


@lru_cache(maxsize=4)
def orders_of(company: Company) -> Orders:
    """All documents of the company's days."""
    chance = Chance(company.seed)
    calendar = calendar_of(company)
    people = population_of(company)
    sales = _sales(company, chance)
    parts = [
        sales,
        _sales_to_strangers(company, chance, calendar, sales),
        _cancellations(company, chance, calendar, sales),
        _write_offs(chance, calendar),
    ]

    def joined(of: Callable[[_Heads], Ints]) -> Ints:
        return np.concatenate([of(part) for part in parts])

    keys: Keys = np.concatenate([part.keys for part in parts])
    origin_keys: Keys = np.concatenate([part.origins for part in parts])
    kinds, contacts, days = (
        joined(lambda p: p.kinds), joined(lambda p: p.contacts), joined(lambda p: p.days),
    )  # fmt: skip
    # Two halves of a day's ten hours give the busy noon.
    minutes = 480 + chance.below(300, "minute", keys) + chance.below(300, "more minutes", keys)
    order = np.lexsort((keys, minutes, days))
    keys, kinds, contacts = keys[order], kinds[order], contacts[order]
    is_known = contacts != NOBODY
    strangers_sizes = np.exp(0.75 * chance.normal("stranger size", keys))
    strangers_countries = chance.below(100, "stranger country", keys)
    return Orders(
        kinds=kinds,
        contacts=contacts,
        days=days[order],
        minutes=minutes[order],
        keys=keys,
        sizes=np.where(is_known, people.sizes[contacts], strangers_sizes),
        countries=np.where(
            is_known,
            people.countries[contacts],
            np.where((strangers_countries < 8) & (kinds == STRANGER), strangers_countries, 0),
        ),
        origins=_positions(origin_keys[order], keys, kinds),
        numbers=_FIRST_NUMBER
        + np.arange(len(keys))
        + np.cumsum(chance.happens(_SKIPPED_NUMBERS, "skipped number", keys)),
    )


def _sales(company: Company, chance: Chance) -> _Heads:
    bought = purchases_of(company)
    is_delivered = bought.days >= 0
    contacts = bought.contacts[is_delivered]
    keys = chance.keys("sale", contacts, bought.numbers[is_delivered])
    return _heads(SALE, contacts, bought.days[is_delivered], keys)


def _sales_to_strangers(
    company: Company, chance: Chance, calendar: Calendar, sales: _Heads
) -> _Heads:
    days = np.arange(calendar.last_day + 1)
    usual = company.unknown_contact_share
    if usual == 0:
        return _heads(STRANGER, days[:0], days[:0], chance.keys("stranger", days[:0]))
    log_odds = (
        np.log(usual / (1 - usual))
        + _SWING_BY_MONTH * chance.normal("strangers of month", days // 30)
        + _SWING_BY_DAY * chance.normal("strangers of day", days)
        # The mean of log-normal odds lies above their median; the mean is what is asked for.
        - (_SWING_BY_MONTH**2 + _SWING_BY_DAY**2) / 2
    )
    share = np.minimum(1 / (1 + np.exp(-log_odds)), _WORST_DAY)
    expected = np.bincount(sales.days, minlength=len(days)) * share / (1 - share)
    counts = np.floor(expected + chance.uniform("strangers", days)).astype(np.int64)
    day, number = repeated(days, counts)
    return _heads(STRANGER, np.full(len(day), NOBODY), day, chance.keys("stranger", day, number))


def _cancellations(company: Company, chance: Chance, calendar: Calendar, sales: _Heads) -> _Heads:
    lag = _CANCELLED_AFTER_DAYS * np.exp(
        _CANCELLED_AFTER_SPREAD * chance.normal("cancelled after", sales.keys)
    )
    days = sales.days + np.ceil(np.minimum(lag, calendar.last_day + 2)).astype(np.int64)
    days = calendar.next_trading_day(days)
    is_cancelled = chance.happens(company.cancelled_share, "is cancelled", sales.keys)
    chosen = is_cancelled & (days <= calendar.last_day)
    origins = sales.keys[chosen]
    return _Heads(
        kinds=np.full(len(origins), CANCELLATION),
        contacts=sales.contacts[chosen],
        days=days[chosen],
        keys=chance.keys("cancellation", origins),
        origins=origins,
    )


def _write_offs(chance: Chance, calendar: Calendar) -> _Heads:
    days = np.flatnonzero(
        calendar.is_open
        & chance.happens(_WRITE_OFFS_PER_DAY, "write-off", np.arange(calendar.last_day + 1))
    )
    return _heads(WRITE_OFF, np.full(len(days), NOBODY), days, chance.keys("write-off", days))


def _heads(kind: int, contacts: Ints, days: Ints, keys: Keys) -> _Heads:
    return _Heads(np.full(len(days), kind), contacts, days, keys, np.zeros(len(days), np.uint64))


def _positions(origin_keys: Keys, keys: Keys, kinds: Ints) -> Ints:
    by_key = np.argsort(keys, kind="stable")
    is_cancellation = kinds == CANCELLATION
    positions = np.full(len(keys), -1, dtype=np.int64)
    found = np.searchsorted(keys[by_key], origin_keys[is_cancellation])
    positions[is_cancellation] = by_key[found]
    return positions


def repeated(values: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Each value as often as its count says, and beside it 0, 1, 2 ... within the value."""
    starts = np.cumsum(counts) - counts
    return np.repeat(values, counts), np.arange(counts.sum()) - np.repeat(starts, counts)
