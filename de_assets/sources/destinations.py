"""The section `destinations` of the sources file: who else is told the scores, beside the CRM.

Here: what may be written there, and what is said when it is something else. Opening them is not
here (`assets/destinations.py`).
"""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from de_assets.contracts.tables import TABLES

FILE_SCHEMES = ("", "file", "s3")
WEB_SCHEMES = ("http", "https")
MOST_CONTACTS_OF_A_REQUEST = 1000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What the lake keeps below `crm/` and `crm/_ledger/` besides.
_TAKEN = {"crm", "journal", "intent", "history"}


class DestinationSource(BaseModel):
    """One further destination: a directory or `s3://bucket/prefix`, or a web address.

    `format` is for files (`csv` if left out), `batch_size` for a webhook (100 if left out).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: Annotated[str, Field(min_length=1)]
    format: Literal["csv", "parquet"] | None = None
    batch_size: Annotated[int, Field(ge=1, le=MOST_CONTACTS_OF_A_REQUEST)] | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            msg = "must be small letters, digits and underscores, beginning with a letter"
            raise ValueError(msg)
        if name in _TAKEN or f"crm/{name}" in TABLES:
            msg = f"{name} is the name of something else below crm/: choose another one"
            raise ValueError(msg)
        return name

    @field_validator("url")
    @classmethod
    def _is_supported(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in (*FILE_SCHEMES, *WEB_SCHEMES):
            msg = f"the scheme {parts.scheme}: is not supported; write a directory, s3: or https:"
            raise ValueError(msg)
        if parts.scheme in ("s3", *WEB_SCHEMES) and not parts.netloc:
            msg = f"names no {'bucket' if parts.scheme == 's3' else 'host'}"
            raise ValueError(msg)
        if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
            msg = "must be file:///path, without a host"
            raise ValueError(msg)
        if parts.scheme in WEB_SCHEMES and ("@" in parts.netloc or parts.query or parts.fragment):
            msg = "must be https://host/path alone; a secret belongs in DE_ASSETS_WEBHOOK_TOKEN"
            raise ValueError(msg)
        if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
            msg = "must be https://; the token travels with it"
            raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.is_files and self.batch_size is not None:
            msg = "batch_size is for a webhook; files hold all that changed: leave it out"
            raise ValueError(msg)
        if not self.is_files and self.format is not None:
            msg = "format is for files; a webhook gets JSON: leave it out"
            raise ValueError(msg)
        return self

    @property
    def is_files(self) -> bool:
        """Whether files are written; otherwise a web address is called."""
        return urlsplit(self.url).scheme in FILE_SCHEMES

    @property
    def shown(self) -> str:
        """Where scores go, in words fit for a page that anybody may read."""
        if self.is_files:
            return f"files below `{self.url}`"
        return f"the webhook at {urlsplit(self.url).netloc}"


def _told_apart(each: tuple[DestinationSource, ...]) -> tuple[DestinationSource, ...]:
    names = [one.name for one in each]
    if len(set(names)) < len(names):
        msg = "two have the same name: rename one, its ledger is kept under it"
        raise ValueError(msg)
    hosts = {urlsplit(one.url).netloc for one in each if not one.is_files}
    if len(hosts) > 1:
        msg = "webhooks are on several hosts, and each would get the token of the others: use one"
        raise ValueError(msg)
    return each


Destinations = Annotated[tuple[DestinationSource, ...], AfterValidator(_told_apart)]


def absolute(each: Sequence[DestinationSource], folder: Path) -> tuple[DestinationSource, ...]:
    """The same with directories that are relative to a folder made absolute."""
    return tuple(one.model_copy(update={"url": _absolute(one.url, folder)}) for one in each)


def _absolute(url: str, folder: Path) -> str:
    scheme = urlsplit(url).scheme
    if scheme == "file":
        url = unquote(urlsplit(url).path)
    return str(folder / url) if scheme in ("", "file") else url


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
