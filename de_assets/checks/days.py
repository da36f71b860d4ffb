"""How a check that looks at many days at once tells which of them failed.

Used by every check that can fail by day; the incidents read `failing_ranges`.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import dagster as dg

from de_assets.partitions import unbroken

MOST_DAYS_SHOWN = 20


def failing_days_metadata(days: Iterable[date]) -> dict[str, Any]:
    """Which days fail: their number, the first of them as text, and all as ranges for incidents.

    Returns:
        Metadata with `failing_days`, `days` and `failing_ranges` (JSON list of [first, last], both
        included); nothing where no day fails.
    """
    found = sorted(days)
    if not found:
        return {}
    more = len(found) - MOST_DAYS_SHOWN
    return {
        "failing_days": len(found),
        "days": ", ".join(str(day) for day in found[:MOST_DAYS_SHOWN])
        + (f" and {more} more" if more > 0 else ""),
        "failing_ranges": dg.MetadataValue.json(
            [[str(first), str(last)] for first, last in unbroken(found)]
        ),
    }
