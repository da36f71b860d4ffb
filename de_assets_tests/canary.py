"""Looks for planted texts in every byte of everything: files, archives, tables, old S3 versions.

A text is looked for in all the writings that software gives it (UTF-8, UTF-16, escapes, hex, Base64
at its three offsets), in any case, and inside whatever is compressed.
"""

import base64
import gzip
import io
import json
import sqlite3
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl

from de_assets.storage.s3 import S3Options


def writings(text: str) -> set[bytes]:
    """A text as software may write it, in lower case."""
    found = {text, urllib.parse.quote(text), urllib.parse.quote_plus(text), json.dumps(text)[1:-1]}
    plain = {each.lower().encode() for each in found}
    wide = {text.lower().encode(encoding) for encoding in ("utf-16-le", "utf-16-be")}
    return plain | wide | {text.lower().encode().hex().encode()}


def base64_writings(text: str) -> set[bytes]:
    """The middle of a text's Base64 at each of the three offsets; Base64 keeps its case."""
    found = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + text.encode())
        found.add(encoded[4 if offset else 0 : -4])
    return {each for each in found if len(each) >= 8}


def holders(contents: Iterable[tuple[str, bytes]], texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Which of the named texts each place holds; places that hold none are left out."""
    sought = {name: (writings(text), base64_writings(text)) for name, text in texts.items()}
    found: dict[str, set[str]] = {}
    for place, content in contents:
        for layer in layers(content):
            folded = layer.lower()
            for name, (folded_writings, exact) in sought.items():
                if any(each in folded for each in folded_writings) or any(
                    each in layer for each in exact
                ):
                    found.setdefault(place, set()).add(name)
    return found


def layers(content: bytes) -> Iterator[bytes]:
    """The bytes themselves, and what they hold once unpacked or decoded."""
    yield content
    if content[:4] == b"PAR1":
        frame = pl.read_parquet(io.BytesIO(content), hive_partitioning=False)
        yield frame.select(pl.exclude(pl.Binary)).write_ndjson().encode()
        for name in frame.select(pl.col(pl.Binary)).columns:
            yield b"\n".join(frame[name].drop_nulls().to_list())
    elif content[:2] == b"\x1f\x8b":
        yield from layers(gzip.decompress(content))
    elif content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from layers(archive.read(name))
    elif content[:15] == b"SQLite format 3":
        database = sqlite3.connect(":memory:")
        try:
            database.deserialize(content)
            yield "\n".join(database.iterdump()).encode()
        except sqlite3.OperationalError:  # a database whose WAL is still to be read: bytes must do
            pass
        finally:
            database.close()


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, by its path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def versions_below(uri: str, s3: S3Options) -> Iterator[tuple[str, bytes]]:
    """Every version of every object below `s3://bucket/prefix`, old and deleted ones too."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for page in s3.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            body = s3.client.get_object(
                Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"]
            )["Body"]
            place = version["Key"].removeprefix(f"{prefix}/")
            yield f"{place}?{version['VersionId']}", body.read()
