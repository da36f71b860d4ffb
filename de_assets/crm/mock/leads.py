"""What the pages show of scored contacts: the ranked list, and the score history of one.

Reads the score properties that the project writes; the API knows nothing of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from de_assets.crm.mock.store import CONTACT_COLUMNS, Contact, ContactWrite, Tables, contact_from
from de_assets.crm.mock.timestamps import text_of

LEADS_ON_A_PAGE = 50
GRADES = ("A", "B", "C", "D")

_SCORE_PROPERTIES = frozenset(
    {
        "lead_score",
        "lead_grade",
        "lead_score_reasons",
        "lead_score_trend",
        "lead_score_model_version",
        "lead_scored_at",
        "lead_score_run_id",
    }
)
_IS_SCORED = "archived_ms IS NULL AND json_extract(properties, '$.lead_score') IS NOT NULL"
_NAMES = " || ' ' || ".join(
    f"coalesce(json_extract(properties, '$.{name}'), '')"
    for name in ("firstname", "lastname", "company", "email", "customer_id")
)


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a contact at one time, as written: texts, empty where nothing was written."""

    score: str
    grade: str
    reasons: tuple[str, ...]
    trend: str
    scored_at: str
    model_version: str
    run_id: str

    @classmethod
    def of(cls, properties: dict[str, str]) -> Self:
        """Return the score that stands in the properties of a contact."""
        reasons = properties.get("lead_score_reasons", "").split(";")
        return cls(
            score=properties.get("lead_score", ""),
            grade=properties.get("lead_grade", ""),
            reasons=tuple(reason.strip() for reason in reasons if reason.strip()),
            trend=properties.get("lead_score_trend", ""),
            scored_at=properties.get("lead_scored_at", ""),
            model_version=properties.get("lead_score_model_version", ""),
            run_id=properties.get("lead_score_run_id", ""),
        )

    @property
    def percent(self) -> float:
        """The score as a length from 0 to 100, whatever was written."""
        try:
            number = float(self.score)
        except ValueError:
            return 0.0
        return min(100.0, max(0.0, number)) if math.isfinite(number) else 0.0


@dataclass(frozen=True, slots=True)
class Lead:
    """A scored contact; rank 1 has the highest score of all."""

    rank: int
    contact: Contact
    name: str
    score: Score
    freshness: str


@dataclass(frozen=True, slots=True)
class LeadsPage:
    """One page of leads that fit a filter, out of `matching`; `scored` counts all leads."""

    leads: tuple[Lead, ...]
    matching: int
    scored: int
    contacts: int
    newest: str
    number: int

    @property
    def last_number(self) -> int:
        """The number of the last page; the first is 1."""
        return max(1, math.ceil(self.matching / LEADS_ON_A_PAGE))


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """The score of a contact after one write that touched it."""

    written_at: str
    source_type: str
    score: Score


def leads_page(tables: Tables, *, grade: str, text: str, number: int) -> LeadsPage:
    """Return page `number` (from 1; beyond the end it is the last) of the leads that fit."""
    conditions = ["1"]
    arguments: list[object] = []
    if grade:
        conditions.append("json_extract(properties, '$.lead_grade') = ?")
        arguments.append(grade)
    if text.strip():
        conditions.append(f"contains_words({_NAMES}, ?)")
        arguments.append(text)
    fits = " AND ".join(conditions)
    # The text of these queries is put together from constants; values are always bound.
    [(contacts,)] = tables.rows("SELECT count(*) FROM contact WHERE archived_ms IS NULL", ())
    [(scored, newest)] = tables.rows(
        "SELECT count(*), max(json_extract(properties, '$.lead_scored_at'))"  # noqa: S608 - constants
        f" FROM contact WHERE {_IS_SCORED}",
        (),
    )
    [(matching,)] = tables.rows(
        f"SELECT count(*) FROM contact WHERE {_IS_SCORED} AND {fits}",  # noqa: S608 - constants
        arguments,
    )
    page = LeadsPage(
        (), int(str(matching)), int(str(scored)), int(str(contacts)), str(newest or ""), 1
    )
    number = min(max(number, 1), page.last_number)
    rows = tables.rows(
        f"""
        WITH ranked AS (
            SELECT {CONTACT_COLUMNS}, row_number() OVER (
                ORDER BY CAST(json_extract(properties, '$.lead_score') AS REAL) DESC, id
            ) AS rank
            FROM contact WHERE {_IS_SCORED}
        )
        SELECT rank, {CONTACT_COLUMNS} FROM ranked WHERE {fits} ORDER BY rank LIMIT ? OFFSET ?
        """,  # noqa: S608 - constants
        (*arguments, LEADS_ON_A_PAGE, (number - 1) * LEADS_ON_A_PAGE),
    )
    leads = tuple(_lead(row, page.newest) for row in rows)
    return LeadsPage(leads, page.matching, page.scored, page.contacts, page.newest, number)


def name_of(contact: Contact) -> str:
    """Return what to call a contact: its person, else its company, e-mail, customer id, or id."""
    properties = contact.properties
    person = f"{properties.get('firstname', '')} {properties.get('lastname', '')}".strip()
    others = (properties.get(name, "") for name in ("company", "email", "customer_id"))
    return person or next(filter(None, others), f"Contact {contact.id}")


def score_changes(writes: Sequence[ContactWrite]) -> list[ScoreChange]:
    """Return the score after each write that touched it, from writes in the order of time."""
    properties: dict[str, str] = {}
    changes = []
    for write in writes:
        properties |= write.changed
        if write.changed.keys() & _SCORE_PROPERTIES:
            changes.append(
                ScoreChange(text_of(write.written_ms), write.source_type, Score.of(properties))
            )
    return changes


def freshness(scored_at: str, newest: str) -> str:
    """Return in words how much older a score is than the newest one; both YYYY-MM-DD."""
    try:
        days = (date.fromisoformat(newest) - date.fromisoformat(scored_at)).days
    except ValueError:
        return ""
    if days <= 0:
        return "newest"
    return "1 day before newest" if days == 1 else f"{days} days before newest"


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
