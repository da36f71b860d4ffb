"""S3 options, rendered from the settings once for each library that speaks S3.

Polars' object store moves table bytes; the client of dagster-aws's `S3Resource` does the object
operations. Nothing here reads the environment.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from de_assets.settings import S3Settings

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


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
