"""Features of every contact at the end of a day, and the training set made of matured ones."""

from collections.abc import Sequence
from datetime import date
from functools import partial

from de_assets.assets.derivation import Derivation, Upstream
from de_assets.contracts.features import ContactFeatures, TrainingSet
from de_assets.transforms.features import HISTORY_DAYS, features_of_the_day
from de_assets.transforms.training import training_set


def feature_derivations(start: date, horizon_days: int) -> Sequence[Derivation]:
    """The tables of stage `features`.

    Args:
        start: First day of the calendar.
        horizon_days: Days after a snapshot in which an order counts.
    """
    return [
        Derivation(
            ContactFeatures,
            features_of_the_day,
            {
                "activity": Upstream("modeled/contact_daily", look_back_days=HISTORY_DAYS),
                "contacts": Upstream("modeled/dim_contact"),
            },
            "What was known about each contact at the end of the day, and nothing later.",
        ),
        Derivation(
            TrainingSet,
            partial(training_set, start=start, horizon_days=horizon_days),
            {
                "snapshots": Upstream("features/contact_features"),
                "activity": Upstream("modeled/contact_daily"),
            },
            "Snapshots whose horizon is over, with what came of them.",
        ),
    ]
