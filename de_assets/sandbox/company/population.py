"""Who the contacts are and how each of them behaves, before anything happens.

Behaviour is drawn once for each contact; what comes of it day by day is in `purchases` and
`sessions`. Names and addresses are in `crm_contacts`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import betaincinv, gammaincinv

from de_assets.sandbox.company.chance import Chance, Flags, Floats, Ints
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.trading import WARM_UP_DAYS

FIRST_CONTACT_ID = 12_346
"""Contact 0 has this id; ids follow the order of arrival."""

COUNTRIES = (
    "United Kingdom", "Germany", "France", "Ireland", "Netherlands", "Sweden", "Spain",
    "United States", "Australia",
)  # fmt: skip
_COUNTRY_SHARES = (0.62, 0.09, 0.08, 0.05, 0.04, 0.03, 0.03, 0.04, 0.02)
_COUNTRY_APPEAL = (1.0, 1.25, 1.1, 1.15, 0.9, 0.85, 0.6, 0.4, 0.45)

CHANNELS = (
    "organic", "paid_search", "social", "referral", "partner", "trade_show", "email",
)  # fmt: skip
_CHANNEL_SHARES = (0.30, 0.20, 0.16, 0.10, 0.08, 0.09, 0.07)
_CHANNEL_APPEAL = (1.0, 0.75, 0.4, 1.5, 1.6, 1.35, 0.8)

_ALREADY_THERE = 0.40
# A gamma mixture of rates and a beta mixture of drop-out. The drop-out is what was fitted to a real
# gift shop; its rates spread wider (0.65), but there leads who never buy do not appear, and with
# them 0.65 would make it too easy to tell who buys next.
_RATE_SHAPE = 1.0
_DROP_OUT = (0.115, 1.41)
_HIGHEST_RATE = 0.5


@dataclass(frozen=True)
class Population:
    """One entry a contact, by arrival.

    Attributes:
        created_days: Day of arrival, negative before the first file.
        created_minutes: Minute of that day.
        countries: Index into `COUNTRIES`.
        channels: Index into `CHANNELS`: how the contact was won.
        is_buyer: Whether the contact buys at some time.
        waits: Business days from arrival to the first order.
        rates: Orders in a business day, while a customer.
        drop_outs: Chance that an order is the last one.
        sizes: Factor on the quantities that the contact orders.
        curiosity: Factor on how often the contact browses.
        openness: Chance that the contact opens an e-mail.
    """

    created_days: Ints
    created_minutes: Ints
    countries: Ints
    channels: Ints
    is_buyer: Flags
    waits: Floats
    rates: Floats
    drop_outs: Floats
    sizes: Floats
    curiosity: Floats
    openness: Floats

    @property
    def ids(self) -> Ints:
        """Contact ids as numbers."""
        return FIRST_CONTACT_ID + np.arange(len(self.rates))


@lru_cache(maxsize=4)
def population_of(company: Company) -> Population:
    """The contacts of a company."""
    chance = Chance(company.seed)
    who = np.arange(company.contacts)
    countries = chance.pick(_COUNTRY_SHARES, "country", who)
    channels = chance.pick(_CHANNEL_SHARES, "channel", who)
    appeal = np.array(_COUNTRY_APPEAL)[countries] * np.array(_CHANNEL_APPEAL)[channels]
    odds = company.buyer_share / (1 - company.buyer_share) * appeal
    rates = gammaincinv(_RATE_SHAPE, chance.uniform("rate", who)) / _RATE_SHAPE
    rates = np.clip(rates * company.orders_per_month / 30, 1e-4, _HIGHEST_RATE)
    usual_rate = company.orders_per_month / 30
    return Population(
        created_days=_created_days(company, chance, who),
        created_minutes=360 + chance.below(960, "created minute", who),
        countries=countries,
        channels=channels,
        is_buyer=chance.happens(odds / (1 + odds), "is buyer", who),
        # Log-normal, as measured: half within two weeks, a tenth after more than five months.
        waits=14 * np.exp(1.9 * chance.normal("wait", who)),
        rates=rates,
        drop_outs=betaincinv(*_DROP_OUT, chance.uniform("drop out", who)),
        sizes=np.exp(0.9 * chance.normal("size", who)) * (rates / usual_rate) ** 0.25,
        curiosity=np.exp(0.7 * chance.normal("curiosity", who)) * (rates / usual_rate) ** 0.2,
        openness=0.08 + 0.4 * chance.uniform("openness", who) ** 2,
    )


def _created_days(company: Company, chance: Chance, who: Ints) -> Ints:
    moment = chance.uniform("created", who)
    is_old = moment < _ALREADY_THERE
    before = (moment / _ALREADY_THERE - 1) * WARM_UP_DAYS
    after = (moment - _ALREADY_THERE) / (1 - _ALREADY_THERE) * company.length_days
    return np.sort(np.floor(np.where(is_old, before, after)).astype(np.int64))
