"""S3 options, rendered from the settings once for each library that speaks S3.

Polars' object store moves table bytes; the client of dagster-aws's `S3Resource` does the object
operations. Nothing here reads the environment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from de_assets.errors import StorageError
from de_assets.settings import S3Settings

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource

REFUSED = (
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
)


class S3Options:
    """One set of S3 options in the two dialects that are in use here."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings

    @cached_property
    def resource(self) -> "S3Resource":
        """dagster-aws's resource. Imported late: it costs 2.5 s, which a local lake never pays."""
        from dagster_aws.s3 import S3Resource

        given: dict[str, Any] = {
            "endpoint_url": self._settings.endpoint_url,
            "region_name": self._settings.region,
            **self._credentials("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        }
        return S3Resource(**{name: value for name, value in given.items() if value is not None})

    @cached_property
    def client(self) -> Any:  # noqa: ANN401  boto3 makes its classes at run time
        """The boto3 client of that resource; safe to share between threads."""
        return self.resource.get_client()

    @cached_property
    def polars(self) -> dict[str, str]:
        """`storage_options` for Polars' scans and sinks."""
        options = {"aws_region": self._settings.region}
        if self._settings.endpoint_url:
            options["aws_endpoint_url"] = self._settings.endpoint_url
            # The environment's variable of this name would win over the option above.
            options["aws_endpoint_url_s3"] = self._settings.endpoint_url
            options["aws_virtual_hosted_style_request"] = "false"
            if self._settings.endpoint_url.startswith("http://"):
                options["aws_allow_http"] = "true"
        credentials = self._credentials(
            "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
        )
        return options | {name: value for name, value in credentials.items() if value is not None}

    def _credentials(self, key: str, secret: str, token: str) -> dict[str, str | None]:
        given = self._settings
        secrets = {
            key: given.access_key_id,
            secret: given.secret_access_key,
            token: given.session_token,
        }
        return {
            name: value.get_secret_value() if value is not None else None
            for name, value in secrets.items()
        }


@contextmanager
def answering(root: str, bucket: str) -> Iterator[None]:
    """Say in our words what is wrong with the bucket, the way to it, or the credentials.

    Args:
        root: The place below which the caller works, for the error.
        bucket: Its bucket.

    Raises:
        StorageError: in place of boto3's errors of these three kinds.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as error:
        raise StorageError(
            f"S3 cannot be reached ({type(error).__name__})",
            where=root,
            fix="check AWS_ENDPOINT_URL and the network, and that there are credentials: "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine",
        ) from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            raise StorageError(
                f"the bucket {bucket} does not exist",
                where=root,
                fix="create the bucket, or name another one",
            ) from None
        if code in REFUSED:
            raise StorageError(
                f"S3 refused the credentials or the action ({code})",
                where=root,
                fix="renew the credentials, or allow this role to list, read and write here",
            ) from None
        raise
