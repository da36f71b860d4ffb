"""The contacts as the CRM knows them: names, addresses, stage. For whoever fills a CRM with them.

Nobody here exists: e-mail domains are reserved by RFC 2606, phone numbers lie in the ranges that
the regulators of each country keep free for film and fiction.
"""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from de_assets.sandbox.company.chance import Chance, Flags, Ints
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.population import CHANNELS, COUNTRIES, population_of
from de_assets.sandbox.company.purchases import NEVER, purchases_of

_FIRST_NAMES = (
    "Ada", "Ben", "Clara", "David", "Elena", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kira",
    "Liam", "Maya", "Noah", "Olga", "Pavel", "Rosa", "Samir", "Tara", "Umar", "Vera", "Wen",
    "Xenia", "Yusuf", "Zoë", "Anders", "Brigitte", "Chidi", "Dörte", "Emil",
)  # fmt: skip
_LAST_NAMES = (
    "Abel", "Berg", "Carter", "Dubois", "Eriksen", "Fischer", "Garcia", "Hale", "Ivanova",
    "Jansen", "Keller", "Lindqvist", "Moreau", "Novak", "O'Neill", "Peters", "Quinn", "Roux",
    "Schmitt", "Turner", "Ulrich", "Vance", "Weber", "Young", "Ziegler", "Okafor", "Müller",
)  # fmt: skip
_COMPANY_NAMES = (
    "Harbour", "Lantern", "Meadow", "Juniper", "Copper", "Willow", "Pebble", "Orchard", "Saltbox",
    "Thistle", "Marigold", "Driftwood",
)  # fmt: skip
_COMPANY_TRADES = ("Gifts", "Home", "Interiors", "Trading", "Boutique", "Supplies", "Florists")
# By country, in the order of COUNTRIES: the fixed part and how many digits follow. Empty where
# the country keeps no range for fiction.
_PHONES = (
    ("+44 20 7946 0", 3), ("+49 30 23125 ", 3), ("+33 1 99 00 ", 4), ("+353 20 91", 5), ("", 0),
    ("+46 8 465 004 ", 2), ("", 0), ("+1 212 555 01", 2), ("+61 2 5550 ", 4),
)  # fmt: skip
_OTHER_SPELLINGS = {
    "United Kingdom": "UK",
    "Germany": "Deutschland",
    "Ireland": "EIRE",
    "United States": "USA",
}
_NOTES = (" (do not call)", " - see notes", " [test?]")
_STAGES = ("subscriber", "lead", "marketingqualifiedlead")
_BUYER_STAGES = (0.25, 0.45, 0.30)
_OTHER_STAGES = (0.35, 0.47, 0.18)
_STAGE_FORGOTTEN = 0.08


def contacts(company: Company, *, as_of: date | None = None) -> pl.DataFrame:
    """The contacts that the CRM should hold, one row each, by `contact_id`.

    Columns, all String but the last: `contact_id` ("12346"), `email` (unique or null),
    `first_name`, `last_name`, `phone`, `company`, `country`, `channel`, `lifecycle_stage`
    (HubSpot's internal values) and `created_at` (Datetime in microseconds, UTC).

    Without `as_of` these are all contacts of the run, each in the stage in which it was first
    entered, or on the first day if it is older: a stage that tells nothing of the future, so a CRM
    filled once serves snapshots of any day. With `as_of`, only those created up to the end of that
    day, in the stage of that day: eleven of twelve who bought by then are customers, since sales
    people forget the rest.

    Contacts whom the CRM never learns of are left out (`Dirt.missing_from_crm`).

    Raises:
        CompanyError: `as_of` is not one of the company's days.
    """
    _, last = company.day_range((company.start, as_of or company.end))
    chance = Chance(company.seed)
    people = population_of(company)
    created = _created_at(company, chance)
    is_held = ~is_missing(company) & (created < (last + 1) * 1_440)
    who = np.flatnonzero(is_held)
    first_names, last_names = _names(company, chance, who)
    midnight = datetime.combine(company.start, time.min, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "contact_id": pl.Series(people.ids[who]).cast(pl.String),
            "email": _emails(company, chance, who),
            "first_name": first_names,
            "last_name": last_names,
            "phone": _phones(chance, who, people.countries[who]),
            "company": _companies(chance, who),
            "country": _countries(company, chance, who),
            "channel": pl.Series(CHANNELS).gather(people.channels[who]),
            "lifecycle_stage": _stages(company, chance, who, None if as_of is None else last),
        }
    )
    created_at = pl.Series(created[who]) * timedelta(minutes=1) + midnight
    return frame.with_columns(created_at=created_at.cast(pl.Datetime("us", "UTC")))


def is_missing(company: Company) -> Flags:
    """By contact: whether it has an order in the files but no entry in the CRM, ever."""
    chance = Chance(company.seed)
    bought = purchases_of(company)
    has_order = np.zeros(company.contacts, dtype=np.bool_)
    has_order[bought.contacts[bought.days >= 0]] = True
    who = np.arange(company.contacts)
    return has_order & chance.happens(company.dirt.missing_from_crm, "missing from crm", who)


def _created_at(company: Company, chance: Chance) -> Ints:
    """Minutes from the start of the company to the entry in the CRM."""
    people = population_of(company)
    first_days = purchases_of(company).first_days
    who = np.arange(company.contacts)
    is_late = (first_days < NEVER) & chance.happens(
        company.dirt.registered_late, "registered late", who
    )
    late_day = first_days + 3 + chance.below(40, "how late", who)
    days = np.where(is_late, late_day, people.created_days)
    return days * 1_440 + people.created_minutes


def _messy(company: Company, chance: Chance, who: Ints, about: str) -> Flags:
    return chance.happens(company.dirt.messy_contacts, about, who)


def _names(company: Company, chance: Chance, who: Ints) -> tuple[list[str], list[str]]:
    first = chance.below(len(_FIRST_NAMES), "first name", who)
    last = chance.below(len(_LAST_NAMES), "last name", who)
    has_blanks = _messy(company, chance, who, "name blanks")
    has_note = _messy(company, chance, who, "name note")
    note = chance.below(len(_NOTES), "which note", who)
    return (
        [
            f" {_FIRST_NAMES[n]} " if blanks else _FIRST_NAMES[n]
            for n, blanks in zip(first, has_blanks, strict=True)
        ],
        [
            _LAST_NAMES[n] + (_NOTES[which] if noted else "")
            for n, noted, which in zip(last, has_note, note, strict=True)
        ],
    )


def _emails(company: Company, chance: Chance, who: Ints) -> list[str | None]:
    ids = population_of(company).ids[who]
    is_unknown = chance.happens(0.03, "no e-mail", who)
    domain = chance.pick((0.7, 0.3), "domain", who)
    is_capital = _messy(company, chance, who, "capital e-mail")
    addresses = (
        f"contact.{number}@example.{('com', 'org')[which]}"
        for number, which in zip(ids, domain, strict=True)
    )
    return [
        None if unknown else address.capitalize() if capital else address
        for address, unknown, capital in zip(addresses, is_unknown, is_capital, strict=True)
    ]


def _phones(chance: Chance, who: Ints, countries: Ints) -> list[str | None]:
    is_known = chance.happens(0.75, "phone", who)
    drawn = chance.uniform("phone digits", who)
    numbers: list[str | None] = []
    for country, known, draw in zip(countries, is_known, drawn, strict=True):
        fixed, digits = _PHONES[country]
        has_phone = bool(known) and digits > 0
        numbers.append(f"{fixed}{int(draw * 10**digits):0{digits}d}" if has_phone else None)
    return numbers


def _companies(chance: Chance, who: Ints) -> list[str | None]:
    has_company = chance.happens(0.45, "company", who)
    name = chance.below(len(_COMPANY_NAMES), "company name", who)
    trade = chance.below(len(_COMPANY_TRADES), "company trade", who)
    return [
        f"{_COMPANY_NAMES[n]} {_COMPANY_TRADES[t]}" if has else None
        for n, t, has in zip(name, trade, has_company, strict=True)
    ]


def _countries(company: Company, chance: Chance, who: Ints) -> list[str]:
    is_other = _messy(company, chance, who, "country spelling")
    names = [COUNTRIES[n] for n in population_of(company).countries[who]]
    return [
        _OTHER_SPELLINGS.get(name, name) if other else name
        for name, other in zip(names, is_other, strict=True)
    ]


def _stages(company: Company, chance: Chance, who: Ints, last: int | None) -> list[str]:
    people = population_of(company)
    first_days = purchases_of(company).first_days[who]
    # Without a day, only who had bought before the first file is a customer.
    has_bought = first_days <= (-1 if last is None else last)
    is_forgotten = chance.happens(_STAGE_FORGOTTEN, "stage forgotten", who)
    entered = np.where(
        people.is_buyer[who],
        chance.pick(_BUYER_STAGES, "stage", who),
        chance.pick(_OTHER_STAGES, "stage", who),
    )
    return [
        "customer" if bought and not forgotten else _STAGES[stage]
        for bought, forgotten, stage in zip(has_bought, is_forgotten, entered, strict=True)
    ]
