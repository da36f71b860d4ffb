"""Object stores of both kinds, a Secrets Manager, and shops under an old and a new key."""

import shutil
from itertools import count

import pytest

from de_assets.privacy.audit_log import AuditLog
from de_assets.privacy.stored_keys import stored_key
from de_assets.storage.lake import Lake
from de_assets.storage.objects import ObjectStore, open_store
from de_assets.storage.s3 import S3Options
from de_assets_tests.privacy.contacts_shop import ContactsShop
from de_assets_tests.privacy.rings import NEW, OLD, keyring

_numbers = count()


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path, s3_options: S3Options) -> ObjectStore:
    """An empty store, once in a directory and once on S3."""
    if request.param == "local":
        return open_store(tmp_path / "lake", s3_options)
    return open_store(request.getfixturevalue("s3_lake_uri"), s3_options)


@pytest.fixture
def local_objects(tmp_path, s3_options: S3Options) -> ObjectStore:
    """An empty store in a directory."""
    return open_store(tmp_path / "lake", s3_options)


@pytest.fixture
def secret(s3_server):
    """Stores a text in Secrets Manager and returns the secret's ARN; `secret(text)`."""
    import boto3

    client = boto3.session.Session().client(
        "secretsmanager",
        endpoint_url=s3_server.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test-key",
        aws_secret_access_key="test-secret",
    )

    def store(text: str | bytes) -> str:
        kind = "SecretString" if isinstance(text, str) else "SecretBinary"
        answer = client.create_secret(Name=f"pii-key-{next(_numbers)}", **{kind: text})
        return answer["ARN"]

    return store


@pytest.fixture(scope="package")
def under_old(tmp_path_factory, instance) -> ContactsShop:
    shop = ContactsShop(tmp_path_factory.mktemp("old"), instance, OLD).ingest_all()
    AuditLog(shop.lake.objects, keyring(OLD)).append("erase")
    stored_key(shop.lake.objects, keyring(OLD), "tombstones")
    return shop


@pytest.fixture(scope="package")
def under_new(tmp_path_factory, instance) -> ContactsShop:
    """The same deliveries under the new key: what a rotation must lead to."""
    return ContactsShop(tmp_path_factory.mktemp("new"), instance, NEW).ingest_all()


@pytest.fixture
def lake(under_old, tmp_path, s3_options) -> Lake:
    """A lake of its own with what the shop has under the old key."""
    shutil.copytree(under_old.lake.objects.root, tmp_path / "lake")
    return Lake(str(tmp_path / "lake"), s3_options)
