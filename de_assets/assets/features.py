"""Features of every contact at the end of a day, and the training set made of matured ones."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from de_assets.assets.declare import Upstream, table_asset
from de_assets.contracts.features import ContactFeatures, TrainingSet
from de_assets.transforms.features import HISTORY_DAYS, contact_features
from de_assets.transforms.training import (
    label_snapshots,
    matured,
    snapshot_days,
    split_by_time,
)


def feature_assets(
    daily: dg.DailyPartitionsDefinition, start: date, horizon_days: int
) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `features`."""

    @table_asset(
        ContactFeatures,
        partitions=daily,
        code_version="1",
        activity=Upstream("modeled/contact_daily", look_back_days=HISTORY_DAYS),
        contacts=Upstream("modeled/dim_contact"),
    )
    def contact_features_of_the_day(
        activity: pl.LazyFrame, contacts: pl.LazyFrame, day: date
    ) -> pl.LazyFrame:
        """What was known about each contact at the end of the day, and nothing later."""
        return contact_features(activity, contacts, day)

    @table_asset(
        TrainingSet,
        partitions=None,
        code_version="1",
        snapshots=Upstream("features/contact_features"),
        activity=Upstream("modeled/contact_daily"),
    )
    def training_set(snapshots: pl.LazyFrame, activity: pl.LazyFrame) -> pl.LazyFrame:
        """Snapshots whose horizon is over, with what came of them."""
        there = snapshots.select(pl.col("as_of").unique()).collect()["as_of"].to_list()
        last_day = activity.select(pl.col("dt").max()).collect().item()
        if last_day is None:
            return label_snapshots(snapshots, activity, {}, horizon_days)
        grid = [day for day in snapshot_days(start, last_day) if day in set(there)]
        parts = split_by_time(matured(grid, last_day, horizon_days), start, horizon_days)
        return label_snapshots(snapshots, activity, parts, horizon_days)

    return [contact_features_of_the_day, training_set]
