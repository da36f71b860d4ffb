"""The job that removes what is older than its contract allows, and when it runs."""

from collections.abc import Callable

import dagster as dg

from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.retention import newest_day, sweep
from de_assets.settings import Settings
from de_assets.sources.config import Calendar
from de_assets.storage.lake import Lake

RETENTION = "retention"
CRON = "0 6 * * *"  # after the day's scores are written back


class RetentionConfig(dg.Config):
    """How the sweep is done."""

    dry_run: bool = False


def retention_job(
    audit_log: Callable[[str], AuditLog], calendar: Calendar, lake: Lake
) -> dg.JobDefinition:
    """The job `retention`, of one step.

    Args:
        audit_log: Opens the audit log for an actor.
        calendar: Whose newest day age is counted from.
        lake: What is swept.
    """

    @dg.op(
        name="sweep",
        description="Removes partitions and column values that are older than their contracts "
        "allow, and old versions of them.",
    )
    def remove_overdue(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
        log = audit_log(f"run {context.run_id}")
        swept = sweep(lake, newest_day(calendar), log, dry_run=config.dry_run)
        context.add_output_metadata(swept.counts())
        for each in swept.overdue:
            context.log.info("%s %s %s", each.table, each.day, ", ".join(each.columns))

    @dg.job(
        name=RETENTION,
        description="Remove what is older than its contract allows.",
        tags={"de_assets/job": RETENTION},
        executor_def=dg.in_process_executor,
    )
    def retention() -> None:
        remove_overdue()

    return retention


def retention_schedule(settings: Settings, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Every day; on a developer's machine it waits for a click."""
    return dg.ScheduleDefinition(
        name="retention_daily",
        job=job,
        cron_schedule=CRON,
        execution_timezone="UTC",
        description="Remove what is older than its contract allows.",
        default_status=(
            dg.DefaultScheduleStatus.STOPPED
            if settings.is_local
            else dg.DefaultScheduleStatus.RUNNING
        ),
    )
