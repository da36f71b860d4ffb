"""Whole small objects by key: list, read, write (conditionally too), delete; local or S3.

Tables are not written here (see `lake.py`), but the ledger's journal, the model registry and the
landing listings are. Both stores give the same promise: a write is seen whole or not at all.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Protocol

from de_assets.errors import PreconditionFailedError
from de_assets.storage.replacing import UNFINISHED, remove_abandoned, replacing
from de_assets.storage.s3 import S3Options, answering
from de_assets.storage.versions import purge_bucket

ONE_PUT_BYTES = 8_000_000
LOST_CONDITIONS = ("PreconditionFailed", "ConditionalRequestConflict", "412", "NoSuchKey")


@dataclass(frozen=True, order=True)
class ObjectInfo:
    """One object: its key below the store's root, size, and what changes when it is overwritten."""

    key: str
    size_bytes: int
    modified_at: datetime
    version: str


class ObjectStore(Protocol):
    """Objects below one root; keys are relative and use `/`."""

    root: str

    def url(self, key: str) -> str:
        """The address that Polars reads: a path, or `s3://...`."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key begins with `prefix`, by ascending key."""

    def read(self, key: str) -> tuple[bytes, str]:
        """Content and ETag. Raises FileNotFoundError when there is none."""

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Replace the object and return its ETag.

        Raises:
            PreconditionFailedError: it exists although `if_absent`, or is not `if_match`.
        """

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A local temporary file for the body to fill, which then becomes the object, whole.

        If the body raises, the object stays as it was.
        """

    def delete(self, key: str) -> None:
        """Remove the object; none is no error."""

    def purge(self, prefix: str = "", *, uploads_before: datetime | None = None) -> int:
        """Remove what is kept below `prefix` of objects as they were, and of unfinished ones.

        Of uploads only those begun before that moment, if one is given. Returns how many.
        """


def open_store(uri: str | Path, s3: S3Options) -> "ObjectStore":
    """The store below a directory or an `s3://bucket/prefix`."""
    if str(uri).startswith("s3://"):
        return S3Store(str(uri), s3)
    return LocalStore(Path(uri))


class LocalStore:
    """Objects as files below a directory."""

    def __init__(self, root: Path) -> None:
        self._directory = root.absolute()
        self.root = str(self._directory)

    def url(self, key: str) -> str:
        """The absolute path of the object."""
        return str(self._directory / key)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Files below the prefix; unfinished temporary files are not objects."""
        # A prefix may end inside a name, as on S3.
        top = self._directory / prefix.rpartition("/")[0]
        found = []
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self._directory).as_posix()
                if key.startswith(prefix) and f"/{UNFINISHED}/" not in f"/{key}":
                    found.append((key, path))
        for key, path in sorted(found):
            with suppress(FileNotFoundError):  # removed by its owner since the walk
                status = path.stat()
                yield ObjectInfo(
                    key,
                    status.st_size,
                    datetime.fromtimestamp(status.st_mtime, UTC),
                    f"{status.st_mtime_ns:x}-{status.st_size:x}",
                )

    def read(self, key: str) -> tuple[bytes, str]:
        """Content and its SHA-256, which serves as the ETag."""
        path = self._directory / key
        try:
            data = path.read_bytes()
        except (IsADirectoryError, NotADirectoryError):  # a place that holds no object, as on S3
            raise FileNotFoundError(str(path)) from None
        return data, _digest(data)

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """Write to a temporary name and rename; conditions are checked under a file lock."""

        def check() -> None:
            if if_match is not None or if_absent:
                self._check(key, if_match=if_match, if_absent=if_absent)

        with replacing(self._directory / key, self._directory / UNFINISHED, check) as temporary:
            temporary.write_bytes(data)
        return _digest(data)

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A temporary file on the same file system; what killed writers left is removed."""
        return replacing(self._directory / key, self._directory / UNFINISHED)

    def delete(self, key: str) -> None:
        """Remove the file."""
        (self._directory / key).unlink(missing_ok=True)

    def purge(self, prefix: str = "", *, uploads_before: datetime | None = None) -> int:  # noqa: ARG002
        """Remove what killed writers left, of the whole store; living ones are known by a lock."""
        return remove_abandoned(self._directory / UNFINISHED)

    def _check(self, key: str, *, if_match: str | None, if_absent: bool) -> None:
        try:
            current = self.read(key)[1]
        except FileNotFoundError:
            current = None
        if (if_absent and current is not None) or (if_match is not None and current != if_match):
            raise _lost(key)


class S3Store:
    """Objects below `s3://bucket/prefix`, through the client of dagster-aws's `S3Resource`."""

    def __init__(self, uri: str, s3: S3Options) -> None:
        self.root = uri.rstrip("/")
        # Not parsed as a URL: a key may hold `#`, `?` and `%`, which stand for themselves.
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = prefix.strip("/")
        self._s3 = s3

    def url(self, key: str) -> str:
        """The `s3://` address of the object."""
        return f"s3://{self._bucket}/{self._key(key)}"

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects below the prefix, page by page; the markers of empty folders are none."""
        pages = self._s3.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._key(prefix) if prefix else self._with_slash()
        )
        skip = len(self._with_slash())
        with self._answering():
            for page in pages:
                for item in page.get("Contents", []):
                    if item["Key"].endswith("/"):
                        continue
                    yield ObjectInfo(
                        item["Key"][skip:],
                        item["Size"],
                        item["LastModified"],
                        item["ETag"].strip('"'),
                    )

    def read(self, key: str) -> tuple[bytes, str]:
        """Content and ETag."""
        with self._answering():
            try:
                answer = self._s3.client.get_object(Bucket=self._bucket, Key=self._key(key))
            except self._s3.client.exceptions.NoSuchKey:
                raise FileNotFoundError(self.url(key)) from None
        return answer["Body"].read(), answer["ETag"].strip('"')

    def write(
        self, key: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False
    ) -> str:
        """One PUT; S3 shows it whole or not at all."""
        from botocore.exceptions import ClientError

        conditions: dict[str, Any] = {}
        if if_match is not None:
            conditions["IfMatch"] = f'"{if_match}"'
        if if_absent:
            conditions["IfNoneMatch"] = "*"
        with self._answering():
            try:
                answer = self._s3.client.put_object(
                    Bucket=self._bucket, Key=self._key(key), Body=data, **conditions
                )
            except ClientError as error:
                # 409 is S3's answer when two conditional writes cross; both mean: read again first.
                if error.response["Error"]["Code"] in LOST_CONDITIONS:
                    raise _lost(self.url(key)) from None
                raise
        return str(answer["ETag"].strip('"'))

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """A file in the machine's directory for temporary files, uploaded at the end.

        The upload is one PUT, or parts that S3 shows when the last has come. What a killed process
        leaves, its file and such parts, the operating system and a lifecycle rule of the bucket
        remove.
        """
        with NamedTemporaryFile(prefix="de-assets-") as file:
            yield Path(file.name)
            with self._answering(), Path(file.name).open("rb") as content:
                if Path(file.name).stat().st_size < ONE_PUT_BYTES:
                    # The transfer manager starts threads for each file; most days are small.
                    self._s3.client.put_object(
                        Bucket=self._bucket, Key=self._key(key), Body=content
                    )
                else:
                    self._s3.client.upload_fileobj(content, self._bucket, self._key(key))

    def delete(self, key: str) -> None:
        """Remove the object."""
        with self._answering():
            self._s3.client.delete_object(Bucket=self._bucket, Key=self._key(key))

    def purge(self, prefix: str = "", *, uploads_before: datetime | None = None) -> int:
        """Noncurrent versions, delete markers and unfinished uploads (see `versions.py`)."""
        where = self._key(prefix) if prefix else self._with_slash()
        with self._answering():
            return purge_bucket(self._s3.client, self._bucket, where, uploads_before=uploads_before)

    def _with_slash(self) -> str:
        return f"{self._prefix}/" if self._prefix else ""

    def _key(self, key: str) -> str:
        return self._with_slash() + key

    def _answering(self) -> AbstractContextManager[None]:
        return answering(self.root, self._bucket)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _lost(where: str) -> PreconditionFailedError:
    return PreconditionFailedError(
        "another writer was faster",
        where=where,
        fix="read the object again and repeat the change on what it holds now",
    )
