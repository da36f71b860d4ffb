"""The clock of a working day: ingest, then score and write back; a new candidate every week."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.partitions.partitioned_schedule import (
    UnresolvedPartitionedAssetScheduleDefinition,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from de_assets.automation.jobs import INGEST, SCORE, TRAIN
from de_assets.settings import Settings

INGEST_AT = 2  # o'clock UTC: the day is over everywhere that orders before midnight UTC
SCORE_AT = 4
TRAIN_CRON = "0 3 * * 1"


def schedules(
    settings: Settings, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> list[dg.ScheduleDefinition | UnresolvedPartitionedAssetScheduleDefinition]:
    """Daily ingest and scoring of the day before, weekly training.

    They run where somebody relies on them (staging, production) and wait for a click on a
    developer's machine.
    """
    by_name = {job.name: job for job in jobs}
    status = (
        dg.DefaultScheduleStatus.STOPPED if settings.is_local else dg.DefaultScheduleStatus.RUNNING
    )
    return [
        dg.build_schedule_from_partitioned_job(
            by_name[INGEST],
            name="ingest_daily",
            description=f"Ingest yesterday, at {INGEST_AT}:00 UTC.",
            hour_of_day=INGEST_AT,
            default_status=status,
        ),
        dg.build_schedule_from_partitioned_job(
            by_name[SCORE],
            name="score_daily",
            description=f"Score yesterday and tell the CRM, at {SCORE_AT}:00 UTC.",
            hour_of_day=SCORE_AT,
            default_status=status,
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
