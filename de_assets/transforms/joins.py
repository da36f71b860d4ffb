"""The one place for as-of joins.

Polars' `join_asof` with `by` gives wrong answers on unsorted input, with only a warning: measured,
run-to-run different. Whoever needs one comes here, where both sides are sorted first.
"""

from collections.abc import Sequence

import polars as pl


def join_latest_before(
    left: pl.LazyFrame, right: pl.LazyFrame, *, on: str, by: Sequence[str]
) -> pl.LazyFrame:
    """To each left row the right row of the same `by` with the greatest `on` not after its own.

    Args:
        left: Any frame with `on` and `by`, none of them null.
        right: Likewise; its other columns come into the result, null where nothing matches. Of
            rows equal in `on` and `by` the last one counts.
        on: Column that orders both sides (Date or Datetime).
        by: Columns that must be equal.
    """
    return left.sort(on).join_asof(
        right.sort(on, maintain_order=True),
        on=on,
        by=list(by),
        strategy="backward",
        check_sortedness=False,
    )
