"""Lead scores of the day."""

import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import (
    IO_MANAGER,
    asset_facts,
    asset_in,
    check_specs,
    lake_of,
    lineage_metadata,
    run_days,
)
from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.model import CHAMPION
from de_assets.assets.publish import Publisher
from de_assets.checks.freshness import freshness_policy
from de_assets.checks.watch import drift_watch
from de_assets.contracts.features import LeadScores
from de_assets.storage.table_io_manager import LakeTable, empty_frame
from de_assets.transforms.features import HISTORY_DAYS
from de_assets.transforms.learning import LeadModel
from de_assets.transforms.scoring import TREND_WINDOW_DAYS, score_day


def score_derivation() -> Derivation:
    """How the scores are made, by whichever model is in service."""
    look_back = HISTORY_DAYS + TREND_WINDOW_DAYS
    return Derivation(
        LeadScores,
        score_day,
        {
            "features": Upstream("features/contact_features"),
            "activity": Upstream("modeled/contact_daily", look_back_days=look_back),
            "contacts": Upstream("modeled/dim_contact"),
        },
        "How likely each contact orders within the horizon, with grade, trend and reasons.",
    )


def prediction_assets(daily: dg.DailyPartitionsDefinition) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `predictions`."""
    derivation = score_derivation()

    @dg.asset(
        **asset_facts(LeadScores, ("polars", "scikitlearn")),
        partitions_def=daily,
        freshness_policy=freshness_policy(daily.end),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=derivation.code_version,
        description=derivation.description,
        io_manager_key=IO_MANAGER,
        required_resource_keys={IO_MANAGER},
        check_specs=check_specs(LeadScores),
        ins={
            **{name: asset_in(each, daily) for name, each in derivation.upstreams.items()},
            "model": dg.AssetIn(key=CHAMPION),
        },
    )
    def lead_scores(
        context: dg.AssetExecutionContext,
        features: LakeTable,
        activity: LakeTable,
        contacts: LakeTable,
        model: object,
    ) -> Iterator[Any]:
        lake = lake_of(context)
        publisher = Publisher(context, LeadScores, lake, drift_watch(LeadScores, lake.objects))
        for day in run_days(context) or []:
            started = time.perf_counter()
            scores = _scores(model, features, activity, contacts, day)
            publisher.spent(time.perf_counter() - started, [day])
            publisher.publish(scores, [day])
        publisher.add_metadata(lineage_metadata(derivation, context))
        yield from publisher.check_results()
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    return [lead_scores]


def _scores(
    model: object, features: LakeTable, activity: LakeTable, contacts: LakeTable, day: date
) -> pl.DataFrame:
    """Scores of one day; none as long as there is not enough evidence for a model."""
    if not isinstance(model, LeadModel):
        return empty_frame("predictions/lead_scores").collect()
    since = day - timedelta(days=HISTORY_DAYS + TREND_WINDOW_DAYS)
    return score_day(
        features.between(day, day), activity.between(since, day), contacts.frame(), day, model
    ).collect()
