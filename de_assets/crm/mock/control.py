"""The calls that steer the mock itself, below /_mock: faults on purpose and the clock.

They are no part of HubSpot's API. They need the full token, and count against no limit.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from de_assets.crm.mock import wire
from de_assets.crm.mock.calls import Gate
from de_assets.crm.mock.errors import RefusedRequestError, invalid_request
from de_assets.crm.mock.faults import KINDS, LONGEST_DELAY_MILLISECONDS, FaultPlan, Faults
from de_assets.crm.mock.timestamps import milliseconds_of, text_of

LARGEST_SEED = 2**63 - 1
LONGEST_STEP_SECONDS = 10 * 366 * 86_400


class MovableClock:
    """Another clock, ahead of it by what it was advanced."""

    def __init__(self, base: Callable[[], datetime]) -> None:
        self._base = base
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Return the moment."""
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._ahead += timedelta(seconds=seconds)


class Control:
    """The handlers of the calls below /_mock."""

    def __init__(self, gate: Gate, faults: Faults, clock: MovableClock) -> None:
        self._gate = gate
        self._faults = faults
        self._clock = clock

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_mock/faults", self._show_faults, methods=["GET"]),
            Route("/_mock/faults", self._set_faults, methods=["POST"]),
            Route("/_mock/clock", self._advance_clock, methods=["POST"]),
        ]

    async def _show_faults(self, request: Request) -> Response:
        try:
            self._gate.authenticate_owner(request)
        except RefusedRequestError as refusal:
            return refusal.response()
        return self._faults_answer()

    async def _set_faults(self, request: Request) -> Response:
        try:
            self._gate.authenticate_owner(request)
            self._faults.begin(_plan_from(wire.parse_object(await request.body())))
        except RefusedRequestError as refusal:
            return refusal.response()
        return self._faults_answer()

    async def _advance_clock(self, request: Request) -> Response:
        try:
            self._gate.authenticate_owner(request)
            body = wire.parse_object(await request.body())
            self._clock.advance(
                wire.number_in(body, "advanceSeconds", default=0, most=LONGEST_STEP_SECONDS)
            )
        except RefusedRequestError as refusal:
            return refusal.response()
        return JSONResponse({"now": text_of(milliseconds_of(self._clock()))})

    def _faults_answer(self) -> Response:
        plan = self._faults.plan
        return JSONResponse(
            {
                "seed": plan.seed,
                "rates": dict(plan.rates),
                "slowMilliseconds": plan.slow_milliseconds,
                "retryAfterSeconds": plan.retry_after_seconds,
                "given": dict(self._faults.given),
            }
        )


def _plan_from(body: wire.JsonObject) -> FaultPlan:
    given = wire.as_object(body.get("rates", {}), "rates")
    unknown = sorted(given.keys() - set(KINDS))
    if unknown:
        raise invalid_request(f"rates has the kinds {', '.join(KINDS)}; not {', '.join(unknown)}.")
    rates = {kind: wire.number_in(given, kind, default=0, most=1) for kind in given}
    # Shares such as 0.1, 0.2 and 0.7 add up to a little more than 1.
    if sum(rates.values()) > 1 + 1e-9:
        raise invalid_request("rates must not add up to more than 1.")
    standard = FaultPlan()
    return FaultPlan(
        seed=int(wire.number_in(body, "seed", default=standard.seed, most=LARGEST_SEED)),
        rates=rates,
        slow_milliseconds=int(
            wire.number_in(
                body,
                "slowMilliseconds",
                default=standard.slow_milliseconds,
                most=LONGEST_DELAY_MILLISECONDS,
            )
        ),
        retry_after_seconds=int(
            wire.number_in(
                body, "retryAfterSeconds", default=standard.retry_after_seconds, most=86_400
            )
        ),
    )
