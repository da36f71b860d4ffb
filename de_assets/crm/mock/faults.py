"""Faults on purpose: a share of the calls is refused, fails, is slow, or loses its answer.

Drawn from a seeded generator in the order in which calls arrive, so that a single caller meets the
same faults again. Set through control.py; without that there are none.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from starlette.responses import Response

from de_assets.crm.mock.errors import RefusedRequestError
from de_assets.crm.mock.limits import too_many_requests

TOO_MANY_REQUESTS = "429"
FAILED = "500"
UNAVAILABLE = "503"
LOST = "lost"
SLOW = "slow"
KINDS = (TOO_MANY_REQUESTS, FAILED, UNAVAILABLE, LOST, SLOW)

LONGEST_DELAY_MILLISECONDS = 60_000


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How often each kind of fault comes: shares of all calls, together at most 1."""

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    slow_milliseconds: int = 1_000
    retry_after_seconds: int = 1


class Faults:
    """Draws faults as planned and counts those that it gave; called from one event loop only."""

    def __init__(self) -> None:
        self.begin(FaultPlan())

    def begin(self, plan: FaultPlan) -> None:
        """Follow a new plan from its seed, and count anew."""
        self.plan = plan
        self.given: Counter[str] = Counter()
        self._random = random.Random(plan.seed)  # noqa: S311 - repeatable, not secret

    def draw(self) -> str | None:
        """Return the kind of fault that the next call meets, None for most."""
        if not self.plan.rates:
            return None
        point = self._random.random()
        for kind in KINDS:
            point -= self.plan.rates.get(kind, 0.0)
            if point < 0:
                self.given[kind] += 1
                return kind
        return None

    def refusal(self, kind: str) -> RefusedRequestError | None:
        """Return the refusal that stands for a fault before the work, None for the other kinds."""
        if kind == TOO_MANY_REQUESTS:
            return too_many_requests("SECONDLY", "secondly", self.plan.retry_after_seconds * 1000)
        if kind == FAILED:
            return RefusedRequestError(500, "INTERNAL_ERROR", "internal error")
        if kind == UNAVAILABLE:
            return RefusedRequestError(503, "SERVICE_UNAVAILABLE", "service unavailable")
        return None


def lost_answer() -> Response:
    """Return what a proxy answers for a call whose work was done and whose answer never came."""
    return Response(b"upstream request timeout", status_code=504, media_type="text/plain")
