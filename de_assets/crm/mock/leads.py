"""What the pages show of a scored contact: its name, its score, and the history of its score.

Reads the score properties that the project writes; the API knows nothing of them.
Not here: the ranked list (ranking.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from de_assets.crm.mock.history import BY_PERSON, ContactWrite
from de_assets.crm.mock.store import Contact
from de_assets.crm.mock.timestamps import text_of

GRADES = ("A", "B", "C", "D")
TRENDS = ("up", "steady", "down")

SCORE_PROPERTIES = frozenset(
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
    def number(self) -> float | None:
        """The score as a number, none if what was written is none."""
        try:
            number = float(self.score)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    @property
    def percent(self) -> float:
        """The score as a length from 0 to 100, whatever was written."""
        return min(100.0, max(0.0, self.number or 0.0))


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """The score of a contact after one write that touched it.

    `difference` is to the score before, such as "+12"; empty if either is missing or both are the
    same.
    """

    written_at: str
    source_type: str
    score: Score
    difference: str

    @property
    def is_by_person(self) -> bool:
        """Whether a person wrote it in the CRM, over or beside what a run wrote."""
        return self.source_type == BY_PERSON


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
    before: float | None = None
    for write in writes:
        properties |= write.changed
        if write.changed.keys() & SCORE_PROPERTIES:
            score = Score.of(properties)
            after = score.number
            difference = (
                "" if before is None or after is None or before == after else f"{after - before:+g}"
            )
            before = after
            changes.append(
                ScoreChange(text_of(write.written_ms), write.source_type, score, difference)
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
