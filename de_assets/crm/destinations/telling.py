"""The CRM's plan, sent to another destination by the engine that writes to the CRM.

Not here: the engine (`crm/push.py`), and the destinations themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from de_assets.crm.destination import BatchAnswer, Change, Destination
from de_assets.crm.ledger import Ledger
from de_assets.crm.push import push


def tell(
    destination: Destination,
    plan: pl.DataFrame,
    ledger: Ledger,
    run_id: str,
    *,
    should_stop: Callable[[int, int], str | None] = lambda _answered, _rejected: None,
    full_resync: bool = False,
) -> pl.DataFrame:
    """Send the rows of the CRM's plan that the destination does not have yet.

    Those are the rows that the plan creates, updates or clears, and those that it skips because
    the CRM has them already. The destination knows contacts by our key alone: each change comes
    with it as `crm_id`, and the ids that its answers give are not kept.

    Args:
        destination: Where the rows go; the caller closes it.
        plan: `crm/sync_plan` of one day.
        ledger: The destination's own.
        run_id: Dagster's id of the run.
        should_stop: Asked before each batch, as `push` asks it.
        full_resync: Whether what the destination has is sent again, if it lost it.

    Returns:
        Receipts (`push.RECEIPT_SCHEMA`), without `crm_id`.

    Raises:
        PushStoppedError: `should_stop` gave a reason.
        CrmUnavailableError: the destination stopped answering; what it acknowledged is kept.
        CrmError: it refuses us, not a row.
    """
    receipts = push(
        _ByOurKey(destination),
        for_others(plan),
        ledger,
        run_id,
        should_stop=should_stop,
        full_resync=full_resync,
    )
    return receipts.with_columns(crm_id=pl.lit(None, pl.String))


def for_others(plan: pl.DataFrame) -> pl.DataFrame:
    """The CRM's plan as a destination takes it that knows contacts by our key alone."""
    return plan.with_columns(crm_id="contact_id")


class _ByOurKey:
    """Another id than ours in the ledger would say that the contact has moved, run after run."""

    def __init__(self, inner: Destination) -> None:
        self._inner = inner
        self.name = inner.name
        self.batch_size = inner.batch_size

    def send(self, changes: Sequence[Change]) -> BatchAnswer:
        answer = self._inner.send(changes)
        return replace(answer, acknowledged={key: key for key in answer.acknowledged})

    def close(self) -> None:
        self._inner.close()
