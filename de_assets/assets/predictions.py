"""Lead scores of the day."""

import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import (
    IO_MANAGER,
    Upstream,
    asset_facts,
    asset_in,
    check_specs,
    lake_of,
    run_days,
)
from de_assets.assets.model import CHAMPION
from de_assets.assets.publish import Publisher
from de_assets.contracts.features import LeadScores
from de_assets.storage.table_io_manager import LakeTable, empty_frame
from de_assets.transforms.features import HISTORY_DAYS, contact_features
from de_assets.transforms.learning import LeadModel
from de_assets.transforms.scoring import TREND_WINDOW_DAYS, score_contacts


def prediction_assets(daily: dg.DailyPartitionsDefinition) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `predictions`."""
    look_back = HISTORY_DAYS + TREND_WINDOW_DAYS

    @dg.asset(
        **asset_facts(LeadScores, ("polars", "scikitlearn")),
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
        description="How likely each contact orders within the horizon, with grade, trend and "
        "reasons.",
        io_manager_key=IO_MANAGER,
        required_resource_keys={IO_MANAGER},
        check_specs=check_specs(LeadScores),
        ins={
            "features": asset_in(Upstream("features/contact_features"), daily),
            "activity": asset_in(
                Upstream("modeled/contact_daily", look_back_days=look_back), daily
            ),
            "contacts": asset_in(Upstream("modeled/dim_contact"), None),
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
        publisher = Publisher(context, LeadScores, lake_of(context))
        for day in run_days(context) or []:
            started = time.perf_counter()
            scores = _scores(model, features, activity, contacts, day)
            publisher.spent(time.perf_counter() - started, [day])
            publisher.publish(scores, [day])
        publisher.add_metadata()
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
    before = day - timedelta(days=TREND_WINDOW_DAYS)
    since = before - timedelta(days=HISTORY_DAYS)
    earlier = contact_features(activity.between(since, before), contacts.frame(), before)
    return score_contacts(features.between(day, day).collect(), earlier.collect(), model, day)
