"""The circuit breaker: what must look usual before a sync plan is sent, and while it is.

Here: the limits (set in the sources file), the verdict on a plan, the days on hold, and what stops
a push between two batches. Not here: Dagster's check of it (`assets/write_back.py`).
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from de_assets.crm.plan import WRITES
from de_assets.storage.objects import ObjectStore

HOLDS = "crm/_holds/"
STOP = "crm/_ledger/STOP"
STOP_SECONDS = 2.0  # between two looks at the lake, so that no batch waits for it
FEWEST_ANSWERS = 200  # of fewer, a rate of rejections says nothing
FEWEST_CONTACTS = 50  # of fewer, a share says nothing
NOTICEABLE_POINTS = 5  # of 100; a smaller change of the score moves nobody up a list
VERSION_DAY = re.compile(r"^([0-9]{8})-")

Share = Annotated[float, Field(ge=0, le=1)]


class Limits(BaseModel):
    """What a plan may do at most; beyond it the plan is held.

    Attributes:
        changed_share: Share of the contacts with a score in the CRM that get another grade, or a
            score `NOTICEABLE_POINTS` off.
        score_shift_points: How far the distribution of their scores moves, in points of 100.
        cleared_share: Share of the contacts with a score in the CRM whose score is cleared.
        creates: How many contacts are created.
        model_age_days: Days from the newest snapshot that the model learned from to the scored day.
        rejected_share: Share of the answers during a push that are rejections.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changed_share: Share = 0.8
    score_shift_points: Annotated[float, Field(ge=0, le=100)] = 10.0
    cleared_share: Share = 0.1
    creates: Annotated[int, Field(ge=0)] = 1000
    model_age_days: Annotated[int, Field(ge=1)] = 180
    rejected_share: Share = 0.5


@dataclass(frozen=True)
class Finding:
    """A limit that a plan exceeds.

    Attributes:
        limit: Its key in `write_back.breaker`, or `contract`, which has none.
        text: What was found and what is allowed, in numbers.
    """

    limit: str
    text: str


def find_excesses(
    plan: pl.DataFrame, limits: Limits, *, day: date, is_first: bool, broken_rules: tuple[str, ...]
) -> list[Finding]:
    """Everything in which a plan is not usual; a plan that would write nothing is.

    Args:
        plan: `crm/sync_plan` of the day.
        limits: What is allowed.
        day: The day.
        is_first: Whether the CRM never acknowledged anything: then there is nothing to compare
            with, and only the contract counts.
        broken_rules: Rules of their contract that the scores break.
    """
    writes = plan.filter(pl.col("action").is_in(WRITES))
    if writes.is_empty():
        return []
    return [*_of_contract(broken_rules), *([] if is_first else _excesses(plan, limits, day))]


def _of_contract(broken_rules: tuple[str, ...]) -> Iterator[Finding]:
    if broken_rules:
        yield Finding("contract", f"the scores break their contract: {', '.join(broken_rules)}")


def _excesses(plan: pl.DataFrame, limits: Limits, day: date) -> Iterator[Finding]:
    known = plan.filter(_is_number("lead_score"), _is_number("old_lead_score"))
    held = plan.filter(_is_number("old_lead_score")).height
    if known.height >= FEWEST_CONTACTS:
        changed = known.select(_is_noticeable().mean()).item()
        if changed > limits.changed_share:
            yield Finding(
                "changed_share",
                f"{changed:.0%} of {known.height:,} contacts would get another grade or a score "
                f"{NOTICEABLE_POINTS} points off; {limits.changed_share:.0%} are allowed",
            )
        shift = score_shift_points(known["old_lead_score"], known["lead_score"])
        if shift > limits.score_shift_points:
            yield Finding(
                "score_shift_points",
                f"the distribution of {known.height:,} scores shifts by {shift:.1f} points of 100; "
                f"{limits.score_shift_points:g} are allowed",
            )
    cleared = plan.filter(action="clear").height
    if held >= FEWEST_CONTACTS and cleared > limits.cleared_share * held:
        yield Finding(
            "cleared_share",
            f"{cleared:,} of {held:,} scores would be cleared; "
            f"{limits.cleared_share:.0%} are allowed",
        )
    created = plan.filter(action="create").height
    if created > limits.creates:
        yield Finding(
            "creates", f"{created:,} contacts would be created; {limits.creates:,} are allowed"
        )
    oldest = min(filter(None, map(newest_snapshot, _versions(plan))), default=day)
    if (day - oldest).days > limits.model_age_days:
        yield Finding(
            "model_age_days",
            f"the model learned from snapshots up to {oldest}, {(day - oldest).days} days before "
            f"the scored day; {limits.model_age_days} are allowed",
        )


def score_shift_points(before: pl.Series, after: pl.Series) -> float:
    """How far two distributions of scores lie apart, in points.

    The mean difference between the scores of the same rank (Wasserstein's distance): contacts that
    only change places make none.

    Args:
        before: Scores, 0 to 100, as texts.
        after: The same, as many.
    """
    ranked = [each.cast(pl.Float64).sort() for each in (before, after)]
    distance = (ranked[0] - ranked[1]).abs().mean()
    assert isinstance(distance, float)
    return distance


def newest_snapshot(model_version: str) -> date | None:
    """The newest day that a model learned from, which its version begins with."""
    match = VERSION_DAY.match(model_version)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


class Holds:
    """The days whose plans must not be sent, in the lake's object store."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def put(self, day: date, findings: list[Finding]) -> None:
        """Hold the plan of a day for these reasons; without one, let it go."""
        if not findings:
            self._objects.delete(_key(day))
            return
        reasons = [{"limit": each.limit, "text": each.text} for each in findings]
        self._objects.write(_key(day), json.dumps(reasons).encode())

    def reasons(self, day: date) -> list[Finding]:
        """Why the plan of a day is held; nothing if it is not."""
        try:
            data, _ = self._objects.read(_key(day))
        except FileNotFoundError:
            return []
        return [Finding(each["limit"], each["text"]) for each in json.loads(data)]


class StopSign:
    """Asked by a push before each batch: whether to stop, and why."""

    def __init__(
        self,
        objects: ObjectStore,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is read yet.

        Args:
            objects: The lake's objects, in which anybody may put `STOP`.
            limits: Of them, `rejected_share`.
            clock: Seconds, never going back.
        """
        self._objects = objects
        self._limits = limits
        self._clock = clock
        self._next_look = -math.inf
        self._is_up = False

    def __call__(self, answered: int = 0, rejected: int = 0) -> str | None:
        """The reason to stop.

        Args:
            answered: How many rows were answered so far.
            rejected: How many of them were rejected.
        """
        if answered >= FEWEST_ANSWERS and rejected > self._limits.rejected_share * answered:
            return (
                f"{rejected:,} of {answered:,} rows were rejected, and "
                f"{self._limits.rejected_share:.0%} are allowed (write_back.breaker.rejected_share)"
            )
        if not self._is_up and self._clock() >= self._next_look:
            self._is_up = any(info.key == STOP for info in self._objects.list(STOP))
            self._next_look = self._clock() + STOP_SECONDS
        return f"{STOP} is in the lake; remove it to go on" if self._is_up else None


def _key(day: date) -> str:
    return f"{HOLDS}dt={day}.json"


def _is_number(column: str) -> pl.Expr:
    return pl.col(column).fill_null("") != ""


def _is_noticeable() -> pl.Expr:
    """Whether a sales person would see another contact than before."""
    points = pl.col("lead_score").cast(pl.Float64) - pl.col("old_lead_score").cast(pl.Float64)
    return (points.abs() >= NOTICEABLE_POINTS) | (pl.col("lead_grade") != pl.col("old_lead_grade"))


def _versions(plan: pl.DataFrame) -> list[str]:
    sent = plan.filter(pl.col("action").is_in(WRITES), pl.col("action") != "clear")
    return sent["lead_score_model_version"].unique().to_list()
