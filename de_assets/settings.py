"""One frozen, validated object that holds every setting; nothing else reads the environment.

Who reads it: `definitions.build_defs` and the command line, once. What a setting means stands in
its description, from which the error text and the reference are made.
"""

import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from de_assets.errors import SettingsError

LOCAL_CRM_TOKEN = "local-development-token"  # noqa: S105  the mock CRM's, worthless elsewhere
LOCAL_PII_KEY = "local-development-key-not-a-secret"
# A key that begins so is the name of a secret, which `privacy/keys.py` asks for on first use.
SECRETS_MANAGER = "secretsmanager:"
SHORTEST_PII_KEY = 16
SNS_TOPIC = re.compile(r"sns:arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


class Environment(StrEnum):
    """Where this runs: `local` has defaults for everything, the others must be told."""

    LOCAL = "local"
    STAGING = "staging"
    PRODUCTION = "production"


class S3Settings(BaseModel):
    """The standard AWS variables, taken once and rendered for each library by `storage.s3`.

    Left out, the libraries' own chain applies (an instance or task role on AWS).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    endpoint_url: str | None = Field(None, alias="AWS_ENDPOINT_URL")
    region: str = Field("us-east-1", alias="AWS_REGION")
    access_key_id: SecretStr | None = Field(None, alias="AWS_ACCESS_KEY_ID")
    secret_access_key: SecretStr | None = Field(None, alias="AWS_SECRET_ACCESS_KEY")
    session_token: SecretStr | None = Field(None, alias="AWS_SESSION_TOKEN")

    @model_validator(mode="after")
    def _fits_together(self) -> "S3Settings":
        problems = []
        if (self.access_key_id is None) != (self.secret_access_key is None):
            problems.append(
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both or neither"
            )
        elif self.session_token is not None and self.access_key_id is None:
            problems.append(
                "AWS_SESSION_TOKEN belongs to a key: set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY too, or unset it"
            )
        if self.endpoint_url is not None and not _is_http_url(self.endpoint_url):
            problems.append("AWS_ENDPOINT_URL must be http://host or https://host, with its port")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Settings(BaseModel):
    """Everything that can be set, by the names that people set it with."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        Environment.LOCAL,
        alias="DE_ASSETS_ENV",
        description="local, staging or production",
    )
    lake: str = Field(
        "data/lake",
        alias="DE_ASSETS_LAKE",
        description="where tables are kept: a directory, or s3://bucket/prefix",
    )
    sources: str = Field(
        "data/sources/sandbox.yaml",
        alias="DE_ASSETS_SOURCES",
        description="the file that says where the source tables live (YAML)",
    )
    state: Path = Field(
        Path("data/state"),
        alias="DE_ASSETS_STATE",
        description="a directory for Dagster's own records and the mock CRM's database",
    )
    pii_key: SecretStr = Field(
        SecretStr(LOCAL_PII_KEY),
        alias="DE_ASSETS_PII_KEY",
        description="the key of tokens, identity table and audit log; 16 characters or more, or "
        "secretsmanager:NAME-OR-ARN, optionally with #FIELD of a JSON secret",
    )
    pii_key_previous: SecretStr | None = Field(
        None,
        alias="DE_ASSETS_PII_KEY_PREVIOUS",
        description="the key before, written like it; set only while `de-assets rotate-keys` runs",
    )
    crm_base_url: str | None = Field(
        None,
        alias="CRM_BASE_URL",
        description="the CRM to read from and write to, http(s)://...; wins over the sources file",
    )
    crm_access_token: SecretStr = Field(
        SecretStr(LOCAL_CRM_TOKEN),
        alias="CRM_ACCESS_TOKEN",
        description="the bearer token of the CRM",
    )
    webhook_token: SecretStr | None = Field(
        None,
        alias="DE_ASSETS_WEBHOOK_TOKEN",
        description="the bearer token of the webhooks among the destinations of the sources file",
    )
    notify: SecretStr = Field(
        SecretStr("log"),
        alias="DE_ASSETS_NOTIFY",
        description="where incidents are told, separated by commas: log, https://... (a webhook), "
        "sns:arn:aws:sns:REGION:ACCOUNT:TOPIC",
    )
    ui_url: str | None = Field(
        None,
        alias="DE_ASSETS_UI_URL",
        description="the address of the Dagster UI, for links to runs in notifications",
    )
    s3: S3Settings = Field(default_factory=lambda: S3Settings.model_validate({}))

    @model_validator(mode="after")
    def _is_complete(self) -> "Settings":
        problems = []
        if ("://" in self.lake or self.lake.startswith("s3:")) and not self.lake.startswith(
            "s3://"
        ):
            problems.append("DE_ASSETS_LAKE must be a directory or s3://bucket/prefix")
        if self.lake.startswith("s3://") and not self.lake.removeprefix("s3://").split("/")[0]:
            problems.append("DE_ASSETS_LAKE names no bucket; write s3://bucket/prefix")
        if not self.lake.strip():
            problems.append("DE_ASSETS_LAKE is empty; name a directory or s3://bucket/prefix")
        if self.crm_base_url is not None and not _is_http_url(self.crm_base_url):
            problems.append("CRM_BASE_URL must be http://host or https://host")
        if self.ui_url is not None and not _is_http_url(self.ui_url):
            problems.append("DE_ASSETS_UI_URL must be http://host or https://host")
        problems.extend(self._what_is_wrong_with_the_keys())
        problems.extend(self._what_is_wrong_with_the_channels())
        if self.environment is not Environment.LOCAL:
            problems.extend(self._what_only_local_may_do())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _what_is_wrong_with_the_keys(self) -> Iterator[str]:
        given = {"DE_ASSETS_PII_KEY": self.pii_key}
        if self.pii_key_previous is not None:
            given["DE_ASSETS_PII_KEY_PREVIOUS"] = self.pii_key_previous
        for alias, secret in given.items():
            text = secret.get_secret_value().strip()
            if text.startswith(SECRETS_MANAGER):
                name, has_field, field = text.removeprefix(SECRETS_MANAGER).partition("#")
                if not name or (has_field and not field):
                    yield f"{alias} must name its secret as {SECRETS_MANAGER}NAME or NAME#FIELD"
            elif len(text) < SHORTEST_PII_KEY:
                yield f"{alias} is too short; use {SHORTEST_PII_KEY} characters or more"
        if len({secret.get_secret_value().strip() for secret in given.values()}) < len(given):
            yield "DE_ASSETS_PII_KEY_PREVIOUS is the same as DE_ASSETS_PII_KEY; set the new one"

    def _what_is_wrong_with_the_channels(self) -> Iterator[str]:
        """By their position: a webhook's address is a secret."""
        for position, channel in enumerate(self.notify_channels, start=1):
            where = f"DE_ASSETS_NOTIFY, entry {position}"
            if channel.startswith(("http://", "https://")):
                if not _is_http_url(channel) or "@" in urlsplit(channel).netloc:
                    yield f"{where}: must be https://host/path, without a user"
                elif channel.startswith("http://") and not self.is_local:
                    yield f"{where}: must be https:// with DE_ASSETS_ENV={self.environment}"
            elif channel != "log" and not SNS_TOPIC.fullmatch(channel):
                yield (
                    f"{where}: must be log, https://host/path or "
                    "sns:arn:aws:sns:REGION:ACCOUNT:TOPIC"
                )
        if len(set(self.notify_channels)) < len(self.notify_channels):
            yield "DE_ASSETS_NOTIFY: names a channel twice"

    def _what_only_local_may_do(self) -> Iterator[str]:
        where = f"with DE_ASSETS_ENV={self.environment}"
        for name, alias in (("lake", "DE_ASSETS_LAKE"), ("sources", "DE_ASSETS_SOURCES")):
            if name not in self.model_fields_set:
                yield f"{alias} must be set {where}; its default is for a developer's machine"
        if self.pii_key.get_secret_value() == LOCAL_PII_KEY:
            yield f"DE_ASSETS_PII_KEY must be set {where}; the local key is public"
        if self.crm_access_token.get_secret_value() == LOCAL_CRM_TOKEN:
            yield f"CRM_ACCESS_TOKEN must be set {where}; the local token is public"
        if self.crm_base_url is not None and self.crm_base_url.startswith("http://"):
            yield f"CRM_BASE_URL must be https:// {where}; the token travels with it"

    @property
    def notify_channels(self) -> tuple[str, ...]:
        """The entries of `notify`; a webhook's address among them is a secret."""
        entries = self.notify.get_secret_value().split(",")
        return tuple(entry.strip() for entry in entries if entry.strip())

    @property
    def is_local(self) -> bool:
        """Whether this is a developer's machine: sensors and schedules start stopped there."""
        return self.environment is Environment.LOCAL

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read and validate the environment (or the mapping that is given instead).

        Raises:
            SettingsError: names each variable that is wrong, what it may be, and the fix.
        """
        environ = os.environ if environ is None else environ  # noqa: TID251  the one place
        given = {name: value for name in _variables(cls) if (value := environ.get(name))}
        s3_given = {name: value for name in _variables(S3Settings) if (value := environ.get(name))}
        if "AWS_REGION" not in s3_given and environ.get("AWS_DEFAULT_REGION"):
            s3_given["AWS_REGION"] = environ["AWS_DEFAULT_REGION"]
        unknown = sorted(
            name
            for name in environ
            if name.startswith(("DE_ASSETS_", "CRM_")) and name not in _variables(cls)
        )
        if unknown:
            raise SettingsError(
                f"unknown setting {', '.join(unknown)}",
                where="environment",
                fix=f"the settings are {', '.join(_variables(cls))}",
            )
        try:
            return cls.model_validate({**given, "s3": S3Settings.model_validate(s3_given)})
        except ValidationError as error:
            raise SettingsError(
                "; ".join(_sentence(cls, problem) for problem in error.errors()),
                where="environment, or the file .env",
                fix="set it as in .env.example; `de-assets doctor` checks every setting",
            ) from None


def _is_http_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # half an IPv6 address
        return False


def _variables(model: type[BaseModel]) -> list[str]:
    return [field.alias for field in model.model_fields.values() if field.alias]


def _sentence(model: type[BaseModel], problem: object) -> str:
    """One problem in words, without the value: a value may be a secret."""
    assert isinstance(problem, dict)
    name = str(problem["loc"][0]) if problem["loc"] else ""
    meaning = next((f.description for f in model.model_fields.values() if f.alias == name), None)
    text = str(problem["msg"]).removeprefix("Value error, ")
    if meaning:
        return f"{name}: {text} (it is {meaning})"
    return text
