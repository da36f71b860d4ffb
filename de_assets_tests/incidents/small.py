"""A few small assets whose checks and steps do what a test tells them, and real runs of them."""

from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

DAILY = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")
SECRET = "anna@example.com"
CLEANED = ("cleaned/orders", "quarantine/orders")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Small:
    """What the assets do at the next run.

    Attributes:
        results: By check, what its evaluation says; without one it passes.
        error: What the step of `cleaned/orders` raises after its checks.
    """

    instance: dg.DagsterInstance
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    error: Exception | None = None
    defs: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.defs = dg.Definitions(_assets(self), asset_checks=[_later(self)])

    @property
    def graph(self):
        return self.defs.resolve_asset_graph()

    def run(self, first: int = 1, last: int | None = None, *, only=CLEANED) -> str:
        """Materialize, and return the id of the run."""
        tags = {
            ASSET_PARTITION_RANGE_START_TAG: f"2026-01-{first:02}",
            ASSET_PARTITION_RANGE_END_TAG: f"2026-01-{last or first:02}",
        }
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
            asset_selection=[dg.AssetKey(key.split("/")) for key in only],
            run_config=QUIET,
        ).run_id

    def dies(self, *started: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE) -> str:
        """A run of day 3 that ends without a word of its steps, as when its process is killed."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        run = self.instance.create_run_for_job(
            job,
            asset_selection=frozenset(dg.AssetKey(key.split("/")) for key in CLEANED),
            tags={"dagster/partition": "2026-01-03"},
        )
        for step in started:
            event = dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.STEP_START.value,
                job_name=job.name,
                step_key=step,
            )
            self.instance.report_dagster_event(event, run.run_id)
        if status is dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)
        else:
            self.instance.report_run_canceled(run)
        return run.run_id


def _assets(small: Small) -> list[dg.AssetsDefinition]:
    key = dg.AssetKey(["cleaned", "orders"])
    quarantine = dg.AssetKey(["quarantine", "orders"])

    @dg.multi_asset(
        name="clean_orders",
        specs=[
            dg.AssetSpec(quarantine, owners=["team:data-platform"]),
            dg.AssetSpec(key, owners=["team:data-platform"], skippable=True),
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, blocking=True)
            for name in ("validity", "conservation")
        ],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def orders():
        yield dg.MaterializeResult(quarantine)
        for name in ("validity", "conservation"):
            result = {"passed": True, **small.results.get(name, {})}
            yield dg.AssetCheckResult(check_name=name, asset_key=key, **result)
        if small.error:
            raise small.error
        yield dg.MaterializeResult(key)

    @dg.asset(key=["modeled", "customers"], deps=[key])
    def customers():
        if small.results.get("customers"):
            raise ValueError(SECRET)

    @dg.asset(key=["modeled", "sales"], deps=[key], partitions_def=DAILY)
    def sales(): ...

    @dg.asset(key=["features", "activity"], deps=[sales, customers])
    def activity(): ...

    return [orders, customers, sales, activity]


def _later(small: Small) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=["modeled", "customers"], name="volume")
    def volume() -> dg.AssetCheckResult:
        if small.error:
            raise small.error
        return dg.AssetCheckResult(**{"passed": True, **small.results.get("volume", {})})

    return volume
