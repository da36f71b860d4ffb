"""The text of a secret: as it stands in the settings, or from AWS Secrets Manager.

Asked for when it is needed, and never shown: errors name the setting and the secret, not its value.
`keys.py` makes keys of what this returns.
"""

import json
from typing import Any

from pydantic import SecretStr

from de_assets.errors import SettingsError
from de_assets.settings import SECRETS_MANAGER, SHORTEST_PII_KEY, S3Settings


def secret_text(setting: SecretStr, name: str, aws: S3Settings) -> str:
    """The secret that a setting holds or names, without blanks around it.

    Args:
        setting: The text itself, or `secretsmanager:NAME-OR-ARN`, optionally with `#FIELD`.
        name: The setting's own name, for errors.
        aws: Endpoint, region and credentials.

    Raises:
        SettingsError: Secrets Manager does not answer, or holds nothing that can be a key.
    """
    text = setting.get_secret_value().strip()
    if not text.startswith(SECRETS_MANAGER):
        return text
    secret_id, _, field = text.removeprefix(SECRETS_MANAGER).partition("#")
    where = f"{name}={SECRETS_MANAGER}{secret_id}"
    found = _asked(secret_id, where, aws)
    if field:
        found = _field(found, field, where)
    found = found.strip()
    if len(found) < SHORTEST_PII_KEY:
        raise SettingsError(
            "the secret is too short to be a key",
            where=where,
            fix=f"store {SHORTEST_PII_KEY} characters or more, such as `openssl rand -base64 32`",
        )
    return found


def _asked(secret_id: str, where: str, aws: S3Settings) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _client(secret_id, aws).get_secret_value(SecretId=secret_id)
    except ClientError as error:
        raise SettingsError(
            f"Secrets Manager did not hand the secret out ({error.response['Error']['Code']})",
            where=where,
            fix="check the name and the region, and allow this role secretsmanager:GetSecretValue "
            "(and kms:Decrypt, if the secret has a key of its own)",
        ) from None
    except BotoCoreError as error:
        raise SettingsError(
            f"Secrets Manager cannot be reached ({type(error).__name__})",
            where=where,
            fix="check the network, AWS_REGION and AWS_ENDPOINT_URL, and that there are "
            "credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine",
        ) from None
    if "SecretString" not in answer:
        raise SettingsError(
            "the secret is binary", where=where, fix="store the key as text, such as base64"
        )
    return str(answer["SecretString"])


def _client(secret_id: str, aws: S3Settings) -> Any:  # noqa: ANN401  boto3 makes its classes at run time
    import boto3
    from botocore.config import Config

    parts = secret_id.split(":")
    region = parts[3] if len(parts) > 3 and parts[0] == "arn" else aws.region
    credentials = {
        "aws_access_key_id": aws.access_key_id,
        "aws_secret_access_key": aws.secret_access_key,
        "aws_session_token": aws.session_token,
    }
    return boto3.session.Session().client(
        "secretsmanager",
        endpoint_url=aws.endpoint_url,
        region_name=region,
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3}),
        **{name: s.get_secret_value() for name, s in credentials.items() if s is not None},
    )


def _field(text: str, field: str, where: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    value = fields.get(field) if isinstance(fields, dict) else None
    if not isinstance(value, str):
        raise SettingsError(
            f"the secret is no JSON object with a text field {field}",
            where=where,
            fix="name the field that holds the key after #, or leave #FIELD out of a plain secret",
        )
    return value
