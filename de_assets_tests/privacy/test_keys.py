"""Keys come when they are needed, from where they are kept, and are never shown."""

import copy
import json
import pickle
from itertools import combinations

import polars as pl
import pytest

from de_assets.errors import SettingsError, StorageError
from de_assets.privacy.keys import Keyring, MasterKey
from de_assets.settings import LOCAL_PII_KEY, Settings
from de_assets.transforms.tokens import tokenise
from de_assets_tests.privacy.rings import NEW, OLD, keyring

NOWHERE = "http://127.0.0.1:1"
PRODUCTION = {
    "DE_ASSETS_ENV": "production",
    "DE_ASSETS_LAKE": "s3://bucket/prefix",
    "DE_ASSETS_SOURCES": "/etc/de_assets/sources.yaml",
    "CRM_ACCESS_TOKEN": "canary-token",
}


def of(server, **environ: str) -> Keyring:
    credentials = {
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
    }
    return Keyring.from_settings(Settings.from_env(credentials | environ))


def problem(ring: Keyring) -> str:
    with pytest.raises(SettingsError) as caught:
        ring.key_id  # noqa: B018  asking is what fails
    return str(caught.value)


def test_nothing_is_asked_of_anybody_before_a_key_is_needed():
    unreachable = {"DE_ASSETS_PII_KEY": "secretsmanager:prod/pii", "AWS_ENDPOINT_URL": NOWHERE}

    ring = Keyring.from_settings(Settings.from_env(unreachable))

    assert "prod" not in repr(ring)


def test_a_secret_is_asked_for_once_and_only_when_it_is_needed():
    asked = []

    def secret() -> str:
        asked.append(1)
        return OLD

    key = MasterKey(secret)
    assert asked == []

    assert key.token("anna@example.com") == keyring(OLD).token("anna@example.com")
    assert key.key_id == keyring(OLD).key_id
    assert key.audit_key == keyring(OLD).current.audit_key

    assert asked == [1]


def test_the_key_of_each_purpose_is_another_one():
    key = keyring().current

    found = [key.token_key, key.audit_key, key.audit_subject_key, bytes.fromhex(key.key_id)]

    assert all(left[:8] != right[:8] for left, right in combinations(found, 2))
    assert all(len(each) == 32 for each in found[:3])


def test_the_same_secret_gives_the_same_keys_and_another_one_others():
    known, other = keyring(OLD), keyring(NEW)

    # Written down, since tokens that are in somebody's lake already must stay what they are.
    assert known.key_id == "830d12bf8d4963e8"
    assert known.token("anna@example.com") == "40d07f9e975125673a58042b9d496f94"
    assert known.key_id != other.key_id
    assert known.token_key != other.token_key


def test_blanks_around_a_secret_are_not_part_of_it():
    assert keyring(f" {OLD}\n").key_id == keyring(OLD).key_id


def test_a_token_is_the_one_of_the_cleaned_tables():
    ring = keyring()
    column = tokenise(pl.Series(["Anna@Example.com", None]), ring.token_key)

    assert [ring.token(" anna@example.com"), ring.token(None)] == column.to_list()


def test_no_key_is_shown_copied_or_pickled():
    ring = keyring(OLD, NEW)
    assert ring.token("anna@example.com")

    shown = " ".join([repr(ring), str(ring), repr(ring.current), f"{ring.previous}"])

    assert OLD not in shown
    assert NEW not in shown
    for key in (ring.current.token_key, ring.current.audit_key):
        assert key.hex() not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(ring.current)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ring)


def test_what_was_wrapped_opens_under_the_same_key_purpose_and_name_alone():
    key = keyring().current
    wrapped = key.wrap(b"x" * 32, "subject key", "101")

    assert key.unwrap(wrapped, "subject key", "101") == b"x" * 32
    assert key.wrap(b"x" * 32, "subject key", "101") == wrapped
    altered = bytes([wrapped[0] ^ 1]) + wrapped[1:]
    for attempt in (
        lambda: keyring(NEW).current.unwrap(wrapped, "subject key", "101"),
        lambda: key.unwrap(wrapped, "subject key", "102"),
        lambda: key.unwrap(wrapped, "stored key", "101"),
        lambda: key.unwrap(altered, "subject key", "101"),
        lambda: key.unwrap(b"", "subject key", "101"),
    ):
        with pytest.raises(StorageError, match="does not open"):
            attempt()


def test_a_key_is_found_by_its_id_and_a_missing_one_says_what_to_set():
    ring = keyring(NEW, OLD)

    assert ring.by_id(keyring(OLD).key_id) is ring.previous
    assert ring.by_id(ring.key_id) is ring.current
    with pytest.raises(SettingsError, match="DE_ASSETS_PII_KEY_PREVIOUS") as caught:
        keyring(NEW).by_id(keyring(OLD).key_id)
    assert OLD not in str(caught.value)
    assert keyring(OLD).key_id in str(caught.value)


@pytest.mark.parametrize("as_field", [False, True])
def test_a_key_in_secrets_manager_is_the_key(s3_server, secret, as_field):
    text = json.dumps({"pii": OLD, "other": NEW}) if as_field else f"{OLD}\n"
    name = secret(text).rpartition(":")[2].rpartition("-")[0]

    ring = of(s3_server, DE_ASSETS_PII_KEY=f"secretsmanager:{name}" + "#pii" * as_field)

    assert ring.key_id == keyring(OLD).key_id


def test_the_key_before_may_be_in_secrets_manager_too(s3_server, secret):
    ring = of(
        s3_server,
        DE_ASSETS_PII_KEY=NEW,
        DE_ASSETS_PII_KEY_PREVIOUS=f"secretsmanager:{secret(OLD)}",
    )

    assert list(ring.known()) == [keyring(NEW).key_id, keyring(OLD).key_id]


def test_an_arn_is_asked_for_in_its_own_region(s3_server, secret):
    arn = secret(OLD)

    ring = of(s3_server, DE_ASSETS_PII_KEY=f"secretsmanager:{arn}", AWS_REGION="eu-west-1")

    assert ring.key_id == keyring(OLD).key_id
    name = arn.rpartition(":")[2].rpartition("-")[0]
    elsewhere = of(s3_server, DE_ASSETS_PII_KEY=f"secretsmanager:{name}", AWS_REGION="eu-west-1")
    assert "ResourceNotFoundException" in problem(elsewhere)


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("canary", "", "too short to be a key"),
        ("canary-canary-canary", "#pii", "no JSON object with a text field pii"),
        ('{"other": "canary-canary-canary"}', "#pii", "no JSON object with a text field pii"),
        ('{"pii": {"canary": 1}}', "#pii", "no JSON object with a text field pii"),
        ('["canary-canary-canary"]', "#pii", "no JSON object with a text field pii"),
        ('{"pii": "canary"}', "#pii", "too short to be a key"),
        (b"canary-canary-canary", "", "the secret is binary"),
    ],
)
def test_a_secret_that_is_no_key_says_so_without_showing_it(s3_server, secret, text, field, said):
    ring = of(s3_server, DE_ASSETS_PII_KEY=f"secretsmanager:{secret(text)}{field}")

    found = problem(ring)

    assert said in found
    assert "DE_ASSETS_PII_KEY=secretsmanager:" in found
    assert "canary" not in found


def test_a_secret_that_is_not_there_says_which(s3_server):
    found = problem(of(s3_server, DE_ASSETS_PII_KEY="secretsmanager:prod/missing"))

    assert "ResourceNotFoundException" in found
    assert "prod/missing" in found
    assert "secretsmanager:GetSecretValue" in found


def test_a_secrets_manager_that_does_not_answer_says_so():
    unreachable = {
        "DE_ASSETS_PII_KEY": "secretsmanager:prod/pii",
        "AWS_ENDPOINT_URL": NOWHERE,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
    }

    found = problem(Keyring.from_settings(Settings.from_env(unreachable)))

    assert "cannot be reached" in found
    assert "prod/pii" in found


def test_the_local_key_is_refused_elsewhere_even_out_of_secrets_manager(s3_server, secret):
    ring = of(
        s3_server,
        **PRODUCTION,
        DE_ASSETS_PII_KEY=f"secretsmanager:{secret(LOCAL_PII_KEY)}",
        DE_ASSETS_PII_KEY_PREVIOUS=LOCAL_PII_KEY,
    )

    assert "which is public" in problem(ring)
    assert ring.previous is not None
    assert ring.previous.key_id == keyring(LOCAL_PII_KEY).key_id
