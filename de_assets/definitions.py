"""The only place where things are wired: settings in, Dagster definitions out.

Dagster calls `defs`, which reads the environment; tests and commands call `build_defs` with
settings of their own.
"""

import warnings

import dagster as dg

from de_assets.assets.cleaned import cleaned_assets
from de_assets.assets.crm import CRM_SPEC, crm_assets
from de_assets.assets.declare import IO_MANAGER
from de_assets.assets.features import feature_assets
from de_assets.assets.model import MODELS, ModelIOManager, model_assets
from de_assets.assets.modeled import modeled_assets
from de_assets.assets.predictions import prediction_assets
from de_assets.assets.raw import SOURCES, raw_assets, source_specs
from de_assets.automation.jobs import jobs
from de_assets.automation.schedules import schedules
from de_assets.automation.sensors import sensors
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.partitions import daily_partitions
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.config import load_sources
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry
from de_assets.storage.s3 import S3Options
from de_assets.storage.table_io_manager import TableIOManager
from de_assets.transforms.training import DEFAULT_HORIZON_DAYS


def open_catalog(settings: Settings) -> tuple[SourceCatalog, Lake]:
    """The sources and the lake that the settings name, opened but not yet read."""
    s3 = S3Options(settings.s3)
    lake = Lake(settings.lake, s3)
    sources = load_sources(settings.sources)
    return SourceCatalog(sources, settings, s3, lake.objects), lake


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
    catalog, lake = open_catalog(settings)
    calendar = catalog.sources.calendar
    daily = daily_partitions(calendar.start, calendar.end)
    dialects = {name: catalog.dialect(name) for name in SOURCE_TABLES}
    pii_key = settings.pii_key.get_secret_value().encode()
    all_jobs = jobs()
    return dg.Definitions(
        assets=[
            *source_specs(catalog),
            *raw_assets(daily),
            *cleaned_assets(daily, dialects, pii_key),
            *modeled_assets(daily),
            *feature_assets(daily, calendar.start, DEFAULT_HORIZON_DAYS),
            *model_assets(DEFAULT_HORIZON_DAYS),
            *prediction_assets(daily),
            *crm_assets(daily, catalog.sources.write_back.mode),
            CRM_SPEC,
        ],
        jobs=all_jobs,
        schedules=schedules(settings, daily, all_jobs),
        sensors=sensors(settings, catalog, daily, all_jobs),
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
