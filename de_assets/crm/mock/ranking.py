"""The ranked list of leads: which fit a filter, in which order, one page at a time.

Queries are put together from constants; what a visitor sends is only ever bound to them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Self

from de_assets.crm.mock.leads import GRADES, TRENDS, Score, freshness, name_of
from de_assets.crm.mock.store import CONTACT_COLUMNS, Contact, Tables, contact_from

LEADS_ON_A_PAGE = 50
LONGEST_TEXT = 200
MOST_CHOICES = 300


def _property(name: str) -> str:
    return f"json_extract(properties, '$.{name}')"


_IS_SCORED = f"archived_ms IS NULL AND {_property('lead_score')} IS NOT NULL"
_NAMES = " || ' ' || ".join(
    f"coalesce({_property(name)}, '')"
    for name in ("firstname", "lastname", "company", "email", "customer_id")
)
_FILTERS: Mapping[str, str] = MappingProxyType(
    {
        "text": f"contains_words({_NAMES}, ?)",
        "grade": f"{_property('lead_grade')} = ?",
        "trend": f"{_property('lead_score_trend')} = ?",
        "country": f"{_property('country')} = ?",
        "stage": f"{_property('lifecyclestage')} = ?",
        "run": f"{_property('lead_score_run_id')} = ?",
    }
)
_PERSON = " || ' ' || ".join(
    f"coalesce({_property(name)}, '')" for name in ("firstname", "lastname")
)
_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "rank": "rank",
        "name": f"lower(coalesce(nullif(trim({_PERSON}), ''), {_property('company')},"
        f" {_property('email')}, {_property('customer_id')}))",
        "score": f"CAST({_property('lead_score')} AS REAL)",
        "grade": _property("lead_grade"),
        "trend": f"CASE {_property('lead_score_trend')}"
        " WHEN 'up' THEN 1 WHEN 'steady' THEN 2 WHEN 'down' THEN 3 END",
        "country": f"lower({_property('country')})",
        "scored": _property("lead_scored_at"),
    }
)
_HIGHEST_FIRST = ("score", "scored")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor asked to see; every field is one of the query's parameters.

    `sort` is a key of the list, with "-" before it for the other direction. Empty texts filter
    nothing.
    """

    text: str = ""
    grade: str = ""
    trend: str = ""
    country: str = ""
    stage: str = ""
    run: str = ""
    sort: str = "rank"

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Return the wish in query parameters; what is none of the choices is passed over."""
        given = {name: parameters.get(name, "").strip()[:LONGEST_TEXT] for name in _FILTERS}
        sort = parameters.get("sort", "")
        return cls(
            **{
                **given,
                "grade": given["grade"] if given["grade"] in GRADES else "",
                "trend": given["trend"] if given["trend"] in TRENDS else "",
                "sort": sort if sort.removeprefix("-") in _ORDERS else "rank",
            }
        )

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by the name of their parameter."""
        return {name: value for name in _FILTERS if (value := getattr(self, name))}

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters of this wish; what stands by itself is left out."""
        return self.filters | ({} if self.sort == "rank" else {"sort": self.sort})

    def sorted_by(self, key: str) -> Self:
        """Return the same leads in the order of a column, turned round if they are so already.

        Scores and days begin with the highest.
        """
        first, second = (f"-{key}", key) if key in _HIGHEST_FIRST else (key, f"-{key}")
        return replace(self, sort=second if self.sort == first else first)


@dataclass(frozen=True, slots=True)
class Lead:
    """A scored contact; rank 1 has the highest score of all."""

    rank: int
    contact: Contact
    name: str
    score: Score
    freshness: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that a filter can have, and how many leads have it."""

    value: str
    leads: int


@dataclass(frozen=True, slots=True)
class LeadsPage:
    """One page of leads that fit a filter, out of `matching`; `scored` counts all leads."""

    leads: tuple[Lead, ...]
    matching: int
    scored: int
    contacts: int
    newest: str
    number: int
    countries: tuple[Choice, ...]
    stages: tuple[Choice, ...]

    @property
    def last_number(self) -> int:
        """The number of the last page; the first is 1."""
        return max(1, math.ceil(self.matching / LEADS_ON_A_PAGE))


def leads_page(tables: Tables, wish: Wish, number: int) -> LeadsPage:
    """Return page `number` (from 1; beyond the end it is the last) of the leads that fit."""
    fits = " AND ".join(["1", *(_FILTERS[name] for name in wish.filters)])
    arguments = list(wish.filters.values())
    [(contacts,)] = tables.rows("SELECT count(*) FROM contact WHERE archived_ms IS NULL", ())
    [(scored, newest)] = tables.rows(
        f"SELECT count(*), max({_property('lead_scored_at')})"  # noqa: S608 - constants
        f" FROM contact WHERE {_IS_SCORED}",
        (),
    )
    matching = scored
    if arguments:
        [(matching,)] = tables.rows(
            f"SELECT count(*) FROM contact WHERE {_IS_SCORED} AND {fits}",  # noqa: S608 - constants
            arguments,
        )
    page = LeadsPage(
        leads=(),
        matching=int(str(matching)),
        scored=int(str(scored)),
        contacts=int(str(contacts)),
        newest=str(newest or ""),
        number=1,
        countries=_choices(tables, "country"),
        stages=_choices(tables, "lifecyclestage"),
    )
    number = min(max(number, 1), page.last_number)
    order = _ORDERS[wish.sort.removeprefix("-")]
    direction = "DESC" if wish.sort.startswith("-") else "ASC"
    rows = tables.rows(
        f"""
        WITH ranked AS (
            SELECT id, row_number() OVER (
                ORDER BY CAST({_property("lead_score")} AS REAL) DESC, id
            ) AS rank
            FROM contact WHERE {_IS_SCORED}
        )
        SELECT rank, {CONTACT_COLUMNS} FROM ranked JOIN contact USING (id)
        WHERE {fits} ORDER BY {order} IS NULL, {order} {direction}, rank LIMIT ? OFFSET ?
        """,  # noqa: S608 - constants
        (*arguments, LEADS_ON_A_PAGE, (number - 1) * LEADS_ON_A_PAGE),
    )
    leads = tuple(_lead(row, page.newest) for row in rows)
    return replace(page, leads=leads, number=number)


def _choices(tables: Tables, name: str) -> tuple[Choice, ...]:
    rows = tables.rows(
        f"SELECT {_property(name)}, count(*) FROM contact WHERE {_IS_SCORED}"  # noqa: S608 - constants
        f" AND {_property(name)} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (MOST_CHOICES,),
    )
    return tuple(Choice(str(value), int(str(leads))) for value, leads in rows)


def _lead(row: Sequence[object], newest: str) -> Lead:
    contact = contact_from(row[1:])
    score = Score.of(contact.properties)
    return Lead(
        rank=int(str(row[0])),
        contact=contact,
        name=name_of(contact),
        score=score,
        freshness=freshness(score.scored_at, newest),
    )
