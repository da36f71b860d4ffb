"""The same store and the same lake, once as a directory and once on S3."""

from pathlib import Path

import dagster as dg
import pytest

from de_assets.settings import S3Settings
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry
from de_assets.storage.objects import ObjectStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets.transforms.learning import LeadModel, fit
from de_assets_tests.storage.runs import Runs
from de_assets_tests.storage.training import training_set

NO_S3 = S3Options(S3Settings.model_validate({}))


@pytest.fixture(params=["local", "s3"])
def lake_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "lake")
    return request.getfixturevalue("s3_lake_uri")


@pytest.fixture
def options(request: pytest.FixtureRequest, lake_uri: str) -> S3Options:
    return request.getfixturevalue("s3_options") if lake_uri.startswith("s3://") else NO_S3


@pytest.fixture
def store(lake_uri: str, options: S3Options) -> ObjectStore:
    return open_store(lake_uri, options)


@pytest.fixture
def lake(lake_uri: str, options: S3Options) -> Lake:
    return Lake(lake_uri, options)


@pytest.fixture
def local_lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), NO_S3)


@pytest.fixture
def runs(local_lake: Lake, instance: dg.DagsterInstance) -> Runs:
    return Runs(local_lake, instance)


@pytest.fixture(scope="session")
def model() -> LeadModel:
    fitted = fit(training_set(), horizon_days=30)
    assert isinstance(fitted, LeadModel)
    return fitted


@pytest.fixture
def local_store(local_lake: Lake) -> ObjectStore:
    return local_lake.objects


@pytest.fixture
def registry(local_store: ObjectStore) -> ModelRegistry:
    return ModelRegistry(local_store)
