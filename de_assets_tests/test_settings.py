"""Settings are right, or the error names the variable and the fix, and never a secret."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from de_assets.errors import SettingsError
from de_assets.settings import Environment, S3Settings, Settings

PII_KEY = "canary-key-of-more-than-sixteen"
SHORT_KEY = "canary-short"
TOKEN = "canary-token"
AWS_KEY = "canary-aws-key"
AWS_SECRET = "canary-aws-secret"
PRODUCTION = {
    "DE_ASSETS_ENV": "production",
    "DE_ASSETS_LAKE": "s3://bucket/prefix",
    "DE_ASSETS_SOURCES": "/etc/de_assets/sources.yaml",
    "DE_ASSETS_PII_KEY": PII_KEY,
    "CRM_ACCESS_TOKEN": TOKEN,
    "CRM_BASE_URL": "https://api.example.com",
}
NAMES = (
    "DE_ASSETS_ENV",
    "DE_ASSETS_LAKE",
    "DE_ASSETS_SOURCES",
    "DE_ASSETS_STATE",
    "DE_ASSETS_PII_KEY",
    "DE_ASSETS_PII_KEY_PREVIOUS",
    "CRM_BASE_URL",
    "CRM_ACCESS_TOKEN",
    "DE_ASSETS_NOTIFY",
    "DE_ASSETS_UI_URL",
)


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key != name}


def problem(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return str(caught.value)


def test_a_local_machine_needs_no_settings():
    settings = Settings.from_env({})

    assert settings.is_local
    assert settings.lake == "data/lake"
    assert settings.sources == "data/sources/sandbox.yaml"
    assert settings.state == Path("data/state")
    assert settings.crm_base_url is None
    assert settings.s3 == S3Settings.model_validate({})


def test_every_setting_is_read_by_its_name():
    settings = Settings.from_env(PRODUCTION | {"DE_ASSETS_STATE": "/var/state"})

    assert settings.environment is Environment.PRODUCTION
    assert not settings.is_local
    assert settings.lake == "s3://bucket/prefix"
    assert settings.sources == "/etc/de_assets/sources.yaml"
    assert settings.state == Path("/var/state")
    assert settings.pii_key.get_secret_value() == PII_KEY
    assert settings.crm_base_url == "https://api.example.com"
    assert settings.crm_access_token.get_secret_value() == TOKEN


def test_without_a_mapping_the_environment_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DE_ASSETS_LAKE", "s3://from-the-environment")

    assert Settings.from_env().lake == "s3://from-the-environment"


def test_an_empty_variable_is_as_good_as_none():
    settings = Settings.from_env({"DE_ASSETS_LAKE": "", "CRM_BASE_URL": "", "AWS_REGION": ""})

    assert settings == Settings.from_env({})


@pytest.mark.parametrize(
    ("variable", "value", "fix"),
    [
        ("DE_ASSETS_ENV", "prod", "'local', 'staging' or 'production'"),
        ("DE_ASSETS_ENV", "LOCAL", "'local', 'staging' or 'production'"),
        ("DE_ASSETS_LAKE", "gs://bucket/prefix", "must be a directory or s3://bucket/prefix"),
        ("DE_ASSETS_LAKE", "s3:/bucket", "must be a directory or s3://bucket/prefix"),
        ("DE_ASSETS_LAKE", "s3:bucket", "must be a directory or s3://bucket/prefix"),
        ("DE_ASSETS_LAKE", "s3://", "write s3://bucket/prefix"),
        ("DE_ASSETS_LAKE", "s3:///prefix", "write s3://bucket/prefix"),
        ("DE_ASSETS_LAKE", "  ", "name a directory or s3://bucket/prefix"),
        ("DE_ASSETS_PII_KEY", SHORT_KEY, "use 16 characters or more"),
        ("DE_ASSETS_PII_KEY", f"  {SHORT_KEY}      ", "use 16 characters or more"),
        ("DE_ASSETS_PII_KEY", "secretsmanager:", "must name its secret"),
        ("DE_ASSETS_PII_KEY", "secretsmanager:#canary-field", "must name its secret"),
        ("DE_ASSETS_PII_KEY", "secretsmanager:canary/name#", "must name its secret"),
        ("DE_ASSETS_PII_KEY_PREVIOUS", SHORT_KEY, "use 16 characters or more"),
        ("DE_ASSETS_PII_KEY_PREVIOUS", "secretsmanager:#canary", "must name its secret"),
        ("CRM_BASE_URL", "api.example.com", "must be http://host or https://host"),
        ("CRM_BASE_URL", "https://", "must be http://host or https://host"),
        ("CRM_BASE_URL", "http://[::1", "must be http://host or https://host"),
        ("CRM_BASE_URL", "ftp://user:canary@host", "must be http://host or https://host"),
        ("DE_ASSETS_UI_URL", "dagster.example.com", "must be http://host or https://host"),
        ("DE_ASSETS_NOTIFY", "log,slack", "entry 2: must be log, https://host/path or sns:arn"),
        ("DE_ASSETS_NOTIFY", "https:///canary", "entry 1: must be https://host/path"),
        ("DE_ASSETS_NOTIFY", "https://u:canary@host/", "without a user"),
        ("DE_ASSETS_NOTIFY", "sns:arn:aws:sns:eu-west-1:1:canary", "REGION:ACCOUNT:TOPIC"),
        ("DE_ASSETS_NOTIFY", "https://h/canary,https://h/canary", "names a channel twice"),
        ("AWS_ENDPOINT_URL", "localhost:9000", "must be http://host or https://host"),
        ("AWS_ACCESS_KEY_ID", AWS_KEY, "set both or neither"),
        ("AWS_SECRET_ACCESS_KEY", AWS_SECRET, "set both or neither"),
        ("AWS_SESSION_TOKEN", TOKEN, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too"),
    ],
)
def test_a_wrong_value_names_the_variable_and_the_fix_and_no_secret(
    variable: str, value: str, fix: str
):
    text = problem({variable: value})

    assert variable in text
    assert fix in text
    assert "canary" not in text


@pytest.mark.parametrize(
    "reference",
    [
        "secretsmanager:prod/pii",
        "secretsmanager:prod/pii#key",
        "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:pii-AbCdEf#key",
    ],
)
def test_a_key_may_be_the_name_of_a_secret_in_every_environment(reference: str):
    settings = Settings.from_env(PRODUCTION | {"DE_ASSETS_PII_KEY": reference})

    assert settings.pii_key.get_secret_value() == reference
    assert settings.pii_key_previous is None


def test_the_key_before_is_another_than_the_key_in_use():
    text = problem({"DE_ASSETS_PII_KEY": PII_KEY, "DE_ASSETS_PII_KEY_PREVIOUS": f" {PII_KEY}"})

    assert "DE_ASSETS_PII_KEY_PREVIOUS is the same as DE_ASSETS_PII_KEY" in text
    assert "canary" not in text


def test_all_that_is_wrong_is_said_at_once():
    text = problem({"DE_ASSETS_LAKE": "gs://x", "CRM_BASE_URL": "x", "DE_ASSETS_PII_KEY": "x"})

    assert all(name in text for name in ("DE_ASSETS_LAKE", "CRM_BASE_URL", "DE_ASSETS_PII_KEY"))


@pytest.mark.parametrize("unknown", ["DE_ASSETS_LAKES", "CRM_TOKEN", "CRM_URL", "DE_ASSETS_"])
def test_an_unknown_setting_is_an_error_that_lists_the_known_ones(unknown: str):
    text = problem({unknown: "canary"})

    assert f"unknown setting {unknown}\n" in text
    assert all(name in text for name in NAMES)
    assert "canary" not in text


def test_variables_of_other_programs_are_none_of_our_business():
    assert Settings.from_env({"PATH": "/bin", "AWS_PROFILE": "x", "DAGSTER_HOME": "/d"}).is_local


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize(
    ("variable", "reason"),
    [
        ("DE_ASSETS_LAKE", "its default is for a developer's machine"),
        ("DE_ASSETS_SOURCES", "its default is for a developer's machine"),
        ("DE_ASSETS_PII_KEY", "the local key is public"),
        ("CRM_ACCESS_TOKEN", "the local token is public"),
    ],
)
def test_what_is_not_local_must_be_told(environment: str, variable: str, reason: str):
    text = problem(without(variable) | {"DE_ASSETS_ENV": environment})

    assert f"{variable} must be set with DE_ASSETS_ENV={environment}; {reason}" in text
    assert "canary" not in text


def test_the_local_secrets_are_refused_elsewhere_even_if_they_are_set():
    local = Settings.from_env({})
    secrets = {
        "DE_ASSETS_PII_KEY": local.pii_key.get_secret_value(),
        "CRM_ACCESS_TOKEN": local.crm_access_token.get_secret_value(),
    }

    text = problem(PRODUCTION | secrets)

    assert "DE_ASSETS_PII_KEY must be set" in text
    assert "CRM_ACCESS_TOKEN must be set" in text
    assert not [value for value in secrets.values() if value in text]


def test_the_token_of_a_crm_travels_over_https_outside_a_local_machine():
    text = problem(PRODUCTION | {"CRM_BASE_URL": "http://api.example.com"})

    assert "CRM_BASE_URL must be https:// with DE_ASSETS_ENV=production" in text
    local = Settings.from_env({"CRM_BASE_URL": "http://127.0.0.1:8090"})
    assert local.crm_base_url == "http://127.0.0.1:8090"


def test_incidents_are_told_to_the_log_until_somebody_says_otherwise():
    assert Settings.from_env({}).notify_channels == ("log",)
    topic = "sns:arn:aws:sns:eu-west-1:123456789012:incidents.fifo"
    told = Settings.from_env({"DE_ASSETS_NOTIFY": f"log, http://127.0.0.1:9/x ,{topic},"})
    assert told.notify_channels == ("log", "http://127.0.0.1:9/x", topic)
    assert "127.0.0.1" not in repr(told)


def test_a_webhook_is_told_over_https_outside_a_local_machine():
    text = problem(PRODUCTION | {"DE_ASSETS_NOTIFY": "log,http://hooks.example.com/canary"})

    assert "DE_ASSETS_NOTIFY, entry 2: must be https:// with DE_ASSETS_ENV=production" in text
    assert "canary" not in text


def test_production_may_be_without_a_crm():
    assert Settings.from_env(without("CRM_BASE_URL")).crm_base_url is None


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-central-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_the_region_is_the_one_of_aws_region_or_else_of_aws_default_region(environ, region):
    assert Settings.from_env(environ).s3.region == region


def test_the_aws_variables_are_taken_as_they_are():
    s3 = Settings.from_env(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
            "AWS_ACCESS_KEY_ID": AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
        }
    ).s3

    assert s3.endpoint_url == "http://127.0.0.1:9000"
    secrets = [s3.access_key_id, s3.secret_access_key, s3.session_token]
    assert [secret.get_secret_value() for secret in secrets] == [AWS_KEY, AWS_SECRET, TOKEN]


def test_settings_do_not_show_their_secrets():
    aws = {"AWS_ACCESS_KEY_ID": AWS_KEY, "AWS_SECRET_ACCESS_KEY": AWS_SECRET}

    settings = Settings.from_env(PRODUCTION | aws)

    assert "canary" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("model", [Settings, S3Settings])
def test_a_mistake_in_code_does_not_show_secrets_either(model: type[Settings | S3Settings]):
    secrets = {
        Settings: {"DE_ASSETS_PII_KEY": SHORT_KEY, "CRM_ACCESS_TOKEN": TOKEN},
        S3Settings: {"AWS_SECRET_ACCESS_KEY": AWS_SECRET},
    }

    with pytest.raises(ValidationError) as caught:
        model.model_validate(secrets[model])

    assert "canary" not in str(caught.value)


def test_settings_cannot_be_changed():
    settings = Settings.from_env({})

    with pytest.raises(ValidationError, match="frozen"):
        settings.lake = "elsewhere"
