"""The three jobs of a working day; schedules, sensors and commands run them."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INGEST = "ingest"
TRAIN = "train"
SCORE = "score_and_write_back"


def jobs() -> list[UnresolvedAssetJobDefinition]:
    """Ingest a day, train a model, score a day and write back."""
    groups = dg.AssetSelection.groups
    return [
        dg.define_asset_job(
            INGEST,
            selection=groups("raw", "cleaned", "quarantine", "identity", "modeled"),
            description="Read what arrived for a day, clean it, and model it.",
            tags={"de_assets/job": INGEST},
        ),
        dg.define_asset_job(
            TRAIN,
            selection=dg.AssetSelection.assets("features/training_set") | groups("model"),
            description="Fit a candidate on matured snapshots and put it through the gate.",
            tags={"de_assets/job": TRAIN},
        ),
        dg.define_asset_job(
            SCORE,
            selection=dg.AssetSelection.assets("features/contact_features")
            | groups("predictions")
            | groups("reverse_etl"),
            description="Make the day's features, score every contact, and tell the CRM.",
            tags={"de_assets/job": SCORE},
        ),
    ]
