"""From the URL of a source to the files that were delivered there, and those that are passed over.

A URL is one file, a directory with everything below it, or a glob; local or on S3. What is inside
the files is not here. Who uses it: `files.py`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from de_assets.errors import SourcesError
from de_assets.sources.config import scheme_of
from de_assets.storage.objects import ObjectInfo, S3Store, open_store
from de_assets.storage.s3 import S3Options

TEXT_KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
COMPRESSIONS = (".gz", ".zst")
READABLE = ".csv .tsv .txt .jsonl .ndjson .json (each also .gz or .zst) and .parquet"
_ARCHIVES = (".tar.gz", ".tar.zst", ".tgz", ".tar", ".zip", ".7z", ".rar", ".bz2", ".xz")
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
_MAGIC = re.compile(r"[*?\[]")
_ESCAPED = re.compile(r"\[([*?\[])\]")


@dataclass(frozen=True, order=True)
class Delivery:
    """One delivered file. `version` changes whenever the file is overwritten (ETag on S3)."""

    key: str
    url: str
    size_bytes: int
    version: str
    modified_at: datetime

    @property
    def is_on_s3(self) -> bool:
        """Whether it lies on S3; otherwise `url` is a local path."""
        return self.url.startswith("s3://")

    @property
    def kind(self) -> str:
        """How it is read: `csv`, `tsv`, `jsonl` or `parquet`."""
        kind = kind_of(self.key)
        assert kind is not None, "only readable files become deliveries"
        return kind

    @property
    def compression(self) -> str:
        """`gz`, `zst` or nothing."""
        suffix = PurePosixPath(self.key.lower()).suffix
        return suffix.lstrip(".") if suffix in COMPRESSIONS else ""


@dataclass(frozen=True, order=True)
class Ignored:
    """A file at the source that is no delivery, and why."""

    key: str
    reason: str


def kind_of(key: str) -> str | None:
    """The kind that a file's name promises; None when it is not one that is read."""
    name = PurePosixPath(key.lower()).name
    if name.endswith(".parquet"):
        return "parquet"
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return TEXT_KINDS.get(PurePosixPath(name).suffix)


class Location:
    """What lies at one URL.

    Args:
        url: an absolute path, `file:` URL or `s3://` URL; may be a glob.
        where: the key in the sources file, for messages.
        s3: how to reach S3.
    """

    def __init__(self, url: str, *, where: str, s3: S3Options) -> None:
        self._url = url
        self._where = where
        self._s3 = s3

    def scan(self) -> tuple[list[Delivery], list[Ignored]]:
        """Deliveries and passed-over files, each by ascending key.

        Raises:
            SourcesError: the path does not exist, or is one file of a kind that is not read.
            StorageError: the bucket does not exist.
        """
        single = self._single()
        if single is not None:
            return [single], []
        deliveries, ignored = [], []
        for delivery in sorted(self._several()):
            reason = _reason_to_ignore(delivery.key)
            if reason:
                ignored.append(Ignored(delivery.key, reason))
            else:
                deliveries.append(delivery)
        return deliveries, ignored

    def _single(self) -> Delivery | None:
        if not self._url.startswith("s3://"):
            path = Path(self._url)
            return self._readable(_local(path)) if path.is_file() else None
        bucket, _, key = self._url.removeprefix("s3://").partition("/")
        if not key or key.endswith("/") or _MAGIC.search(key):
            return None
        same = (info for info in S3Store(f"s3://{bucket}", self._s3).list(key) if info.key == key)
        info = next(same, None)
        name = PurePosixPath(key).name
        return None if info is None else self._readable(_delivery(info, self._url, name))

    def _several(self) -> list[Delivery]:
        is_on_s3 = self._url.startswith("s3://")
        if not is_on_s3 and Path(self._url).is_dir():
            return self._below(self._url, None)
        if _MAGIC.search(self._url):
            root, pattern = _split_glob(self._url)
            if not is_on_s3 and not Path(root).is_dir():
                raise self._missing(root)
            return self._below(root, pattern)
        # On S3 a prefix without objects is an empty directory, unless it is called like a file.
        found = self._below(self._url.rstrip("/"), None) if is_on_s3 else []
        if not found and (not is_on_s3 or kind_of(self._url)):
            raise self._missing(self._url)
        return found

    def _readable(self, delivery: Delivery) -> Delivery:
        if kind_of(delivery.key) is None:
            raise SourcesError(
                f"{delivery.key} is not a kind of file that is read",
                where=self._where,
                fix=f"name a file, a directory or a glob of {READABLE}; "
                f"{_reason_to_ignore(delivery.key)}",
            )
        return delivery

    def _below(self, root: str, pattern: str | None) -> list[Delivery]:
        store = open_store(root, self._s3)
        wanted = _regex(pattern) if pattern else None
        return [
            _delivery(info, store.url(info.key), info.key)
            for info in store.list()
            if not info.key.endswith("/") and (wanted is None or wanted.fullmatch(info.key))
        ]

    def _missing(self, path: str) -> SourcesError:
        kind = "object" if scheme_of(path) == "s3" else "file or directory"
        return SourcesError(
            f"there is no {kind} {path}",
            where=self._where,
            fix="create it (an empty directory will do before the first delivery), or correct url; "
            "relative paths are relative to the sources file",
        )


def _local(path: Path) -> Delivery:
    status = path.stat()
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    version = f"{status.st_mtime_ns:x}-{status.st_size:x}"
    return Delivery(path.name, str(path.absolute()), status.st_size, version, modified_at)


def _delivery(info: ObjectInfo, url: str, key: str) -> Delivery:
    return Delivery(key, url, info.size_bytes, info.version, info.modified_at)


def _reason_to_ignore(key: str) -> str | None:
    name = key.lower().rsplit("/", 1)[-1]
    if any(part.startswith((".", "_")) for part in key.split("/")):
        return "hidden: a name on its path begins with . or _"
    if name.endswith(_ARCHIVES):
        return "an archive or a compression that is not read: unpack it where it lies"
    if name.endswith(_SPREADSHEETS):
        return "a spreadsheet: save the sheet as CSV (UTF-8)"
    if kind_of(key) is None:
        return f"not a data file; these are: {READABLE}"
    return None


def _split_glob(url: str) -> tuple[str, str]:
    """The directory before the first pattern, with its escapes undone, and the rest."""
    parts = url.split("/")
    patterns = (i for i, part in enumerate(parts) if _MAGIC.search(_ESCAPED.sub("", part)))
    first = next(patterns, len(parts) - 1)
    return _ESCAPED.sub(r"\1", "/".join(parts[:first])) or "/", "/".join(parts[first:])


def _regex(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: `**` crosses directories, `*` and `?` do not."""
    translated = []
    for piece in re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern):
        if piece == "**/":
            translated.append("(?:.*/)?")
        elif piece == "**":
            translated.append(".*")
        elif piece in ("*", "?"):
            translated.append("[^/]" + piece.replace("?", ""))
        elif piece.startswith("[") and piece.endswith("]"):
            inside = re.sub(r"([\\\[&~|])", r"\\\1", piece[1:-1])
            inverted = inside.startswith("!")
            translated.append(f"[^/{inside[1:]}]" if inverted else f"[{inside}]")
        else:
            translated.append(re.escape(piece))
    return re.compile("".join(translated))
