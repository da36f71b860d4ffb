"""The clock of a working day: ingest, then score and write back; a new candidate every week."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from de_assets.automation.jobs import INGEST, SCORE, TRAIN
from de_assets.settings import Settings

# UTC: by then the day is over everywhere that orders before midnight UTC.
INGEST_CRON = "0 2 * * *"
SCORE_CRON = "0 4 * * *"
TRAIN_CRON = "0 3 * * 1"


def schedules(
    settings: Settings,
    daily: dg.DailyPartitionsDefinition,
    jobs: Sequence[UnresolvedAssetJobDefinition],
) -> list[dg.ScheduleDefinition]:
    """Daily ingest and scoring of the day before, weekly training.

    They run where somebody relies on them (staging, production) and wait for a click on a
    developer's machine.
    """
    by_name = {job.name: job for job in jobs}
    status = (
        dg.DefaultScheduleStatus.STOPPED if settings.is_local else dg.DefaultScheduleStatus.RUNNING
    )
    return [
        _yesterday(
            "ingest_daily", "Ingest yesterday.", INGEST_CRON, by_name[INGEST], daily, status
        ),
        _yesterday(
            "score_daily",
            "Score yesterday and tell the CRM.",
            SCORE_CRON,
            by_name[SCORE],
            daily,
            status,
        ),
        dg.ScheduleDefinition(
            name="train_weekly",
            job=by_name[TRAIN],
            cron_schedule=TRAIN_CRON,
            execution_timezone="UTC",
            description="Fit a candidate on Mondays and put it through the gate.",
            default_status=status,
        ),
    ]


def _yesterday(
    name: str,
    description: str,
    cron: str,
    job: UnresolvedAssetJobDefinition,
    daily: dg.DailyPartitionsDefinition,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    """A schedule that asks for the day before its tick, as long as the calendar has it."""

    @dg.schedule(
        name=name,
        description=description,
        cron_schedule=cron,
        job=job,
        execution_timezone="UTC",
        default_status=status,
    )
    def ask(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        yesterday = (context.scheduled_execution_time - timedelta(days=1)).strftime("%Y-%m-%d")
        days = daily.get_partition_keys(current_time=context.scheduled_execution_time)
        if yesterday not in days:
            return dg.SkipReason(
                f"{yesterday} is not in the calendar of the sources file, "
                + (f"whose last day is {days[-1]}." if days else "which has not begun.")
            )
        return dg.RunRequest(run_key=f"{name}_{yesterday}", partition_key=yesterday)

    return ask
