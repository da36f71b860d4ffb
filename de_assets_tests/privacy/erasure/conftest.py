"""Fixtures of the company whose JANE is erased: made once, and copied for each test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from de_assets.crm.mock import running_crm
from de_assets.settings import S3Settings
from de_assets.storage.s3 import S3Options
from de_assets_tests.crm.mock.api import TOKEN
from de_assets_tests.privacy.erasure.company import JANE, Company

NO_S3 = S3Settings.model_validate({})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Company:
    """A company in a directory with everything in place; not to be changed."""
    folder = tmp_path_factory.mktemp("company")
    with running_crm(folder / "crm" / "crm.db", TOKEN) as crm:
        company = Company(folder, str(folder / "lake"), crm.base_url, NO_S3, instance)
        company.fill()
    return company


@pytest.fixture(scope="session")
def erased_tables(
    template: Company, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, pl.DataFrame]:
    """Its tables after JANE was erased."""
    with _served(template, tmp_path_factory.mktemp("erased")) as company:
        company.eraser().erase(JANE)
        return company.tables()


@pytest.fixture
def company(template: Company, tmp_path: Path) -> Iterator[Company]:
    """The company of one test."""
    with _served(template, tmp_path) as served:
        yield served


@pytest.fixture
def company_on_s3(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    s3_server: S3Settings,
    s3_options: S3Options,
    s3_lake_uri: str,
) -> Iterator[Company]:
    """The same on a bucket that keeps old versions."""
    s3_options.client.put_bucket_versioning(
        Bucket=s3_lake_uri.split("/")[2], VersioningConfiguration={"Status": "Enabled"}
    )
    with running_crm(tmp_path / "crm" / "crm.db", TOKEN) as crm:
        company = Company(tmp_path, s3_lake_uri, crm.base_url, s3_server, instance)
        company.fill()
        yield company


@contextmanager
def _served(template: Company, folder: Path) -> Iterator[Company]:
    copied = template.copied(folder)
    with running_crm(folder / "crm" / "crm.db", TOKEN) as crm:
        yield copied.at(crm.base_url)
