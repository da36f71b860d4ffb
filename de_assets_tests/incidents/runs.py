"""What runs found, in short: the days of January 2026 by their numbers."""

from datetime import UTC, date, datetime, timedelta

from de_assets.incidents.findings import Failing, Observed, Passing

ASSET, CHECK = "cleaned/order_lines", "validity"
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number - 1)


def days(*numbers: int) -> frozenset[date]:
    return frozenset(day(number) for number in numbers)


def failing(*numbers: int, severity="warn", check=CHECK, asset=ASSET, **facts) -> Failing:
    """A failing check on these days; without a day on the whole table."""
    return Failing(asset, check, days(*numbers) if numbers else None, severity, **facts)


def passing(*numbers: int, check=CHECK, asset=ASSET) -> Passing:
    return Passing(asset, check, days(*numbers) if numbers else None)


def run(name: str, *findings: Failing | Passing, hours: float = 0, status="SUCCESS") -> Observed:
    """A run of this id that ended so many hours after noon."""
    return Observed(
        run_id=name,
        status=status,
        ended_at=NOON + timedelta(hours=hours),
        failing=tuple(each for each in findings if isinstance(each, Failing)),
        passing=tuple(each for each in findings if isinstance(each, Passing)),
    )
