"""When contacts buy: a gamma-mixed Poisson process with drop-out, in business time.

Only who and when. What is in an order is in `lines`; its number, and the orders of strangers, in
`orders`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from de_assets.sandbox.company.chance import Chance, Ints
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import population_of
from de_assets.sandbox.company.trading import calendar_of

NEVER = 1 << 30
"""A day that does not come."""


@dataclass(frozen=True)
class Purchases:
    """One entry a purchase, those before the first file included, and what follows by contact.

    Attributes:
        contacts: Index of the contact.
        numbers: How many purchases of the contact came before.
        days: Day of the purchase.
        first_days: By contact: day of the first purchase, `NEVER` without one.
        left_days: By contact: day of the purchase after which the contact dropped out, or `NEVER`.
    """

    contacts: Ints
    numbers: Ints
    days: Ints
    first_days: Ints
    left_days: Ints


@lru_cache(maxsize=4)
def purchases_of(company: Company) -> Purchases:
    """All purchases of contacts up to the company's last day, by day."""
    chance = Chance(company.seed)
    people = population_of(company)
    calendar = calendar_of(company)
    left_days = np.full(company.contacts, NEVER, dtype=np.int64)
    first_days = np.full(company.contacts, NEVER, dtype=np.int64)
    who = np.flatnonzero(people.is_buyer)
    moment = calendar.business_time(people.created_days[who]) + people.waits[who]
    rounds: list[tuple[Ints, Ints]] = []
    while True:
        day = calendar.day_at(moment)
        is_within = day <= calendar.last_day
        who, moment, day = who[is_within], moment[is_within], day[is_within]
        if not len(who):
            break
        number = len(rounds)
        rounds.append((who, day))
        if number == 0:
            first_days[who] = day
        is_last = chance.happens(people.drop_outs[who], "leaves", who, number)
        left_days[who[is_last]] = day[is_last]
        who, moment = who[~is_last], moment[~is_last]
        gap = -np.log(chance.uniform("gap", who, number)) / people.rates[who]
        moment = moment + gap
    contacts = np.concatenate([w for w, _ in rounds]) if rounds else np.zeros(0, np.int64)
    days = np.concatenate([d for _, d in rounds]) if rounds else np.zeros(0, np.int64)
    numbers = np.repeat(np.arange(len(rounds)), [len(w) for w, _ in rounds])
    order = np.lexsort((numbers, contacts, days))
    return Purchases(contacts[order], numbers[order], days[order], first_days, left_days)
