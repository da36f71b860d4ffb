"""The only place where things are wired: settings in, Dagster definitions out.

Dagster calls `defs`, which reads the environment; tests and commands call `build_defs` with
settings of their own.
"""

import warnings

import dagster as dg

from de_assets.assets.cleaned import cleaned_pair, cleanings
from de_assets.assets.crm import CRM_SPEC, crm_assets
from de_assets.assets.declare import IO_MANAGER, table_asset
from de_assets.assets.destinations import destination_assets
from de_assets.assets.features import feature_derivations
from de_assets.assets.identity import identity_asset
from de_assets.assets.model import MODELS, ModelIOManager, model_assets
from de_assets.assets.modeled import modeled_derivations
from de_assets.assets.predictions import prediction_assets
from de_assets.assets.raw import SOURCES, raw_assets, source_specs
from de_assets.automation.incidents import incident_sensor
from de_assets.automation.jobs import jobs
from de_assets.automation.retention import retention_job, retention_schedule
from de_assets.automation.schedules import schedules
from de_assets.automation.sensors import sensors
from de_assets.deployment import Deployment
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.notify import Notifier
from de_assets.partitions import daily_partitions
from de_assets.settings import Settings
from de_assets.storage.model_registry import ModelRegistry
from de_assets.storage.table_io_manager import TableIOManager
from de_assets.transforms.training import DEFAULT_HORIZON_DAYS


def build_defs(settings: Settings) -> dg.Definitions:
    """Everything that Dagster is to know, for one deployment.

    Raises:
        SourcesError: the sources file that the settings name is missing or wrong.
    """
    with warnings.catch_warnings():
        # Backfill policies and the mapping of a look-back are marked beta; docs/adr/ says why we
        # rely on them all the same.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _build(settings)


def _build(settings: Settings) -> dg.Definitions:
    deployment = Deployment(settings)
    catalog, lake, calendar = deployment.catalog, deployment.lake, deployment.calendar
    dialects = deployment.dialects
    daily = daily_partitions(calendar.start, calendar.end)
    tables = [
        *modeled_derivations(),
        *feature_derivations(calendar.start, DEFAULT_HORIZON_DAYS),
    ]
    all_jobs = jobs()
    retention = retention_job(deployment.audit_log, calendar, lake)
    return dg.Definitions(
        assets=[
            *source_specs(catalog),
            *raw_assets(daily, deployment.tombstones()),
            *(cleaned_pair(each, daily) for each in cleanings(dialects, deployment.token_key)),
            identity_asset(dialects["contacts"], deployment.keyring, daily),
            *(table_asset(each, daily) for each in tables),
            *model_assets(DEFAULT_HORIZON_DAYS),
            *prediction_assets(daily),
            *crm_assets(daily, catalog.sources.write_back),
            *destination_assets(daily, catalog.sources.destinations),
            CRM_SPEC,
        ],
        jobs=[*all_jobs, retention],
        schedules=[
            *schedules(settings, daily, all_jobs),
            retention_schedule(settings, retention),
        ],
        sensors=[
            *sensors(settings, catalog, daily, all_jobs),
            incident_sensor(settings, IncidentHistory(lake.objects), Notifier.of(settings)),
        ],
        resources={
            IO_MANAGER: TableIOManager(lake),
            MODELS: ModelIOManager(ModelRegistry(lake.objects)),
            SOURCES: catalog,
        },
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads: the definitions of the environment's settings."""
    return build_defs(Settings.from_env())
