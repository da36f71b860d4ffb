"""The content of a delivered file as a stream: fetched, decompressed, and proven to be text.

Everything that makes a file unreadable before its rows are looked at is decided here. Who uses
it: `csv_text.py` and `json_lines.py` through `files.py`; Parquet is read by `parquet.py`.
"""

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import polars as pl

from de_assets.errors import UnreadableDeliveryError
from de_assets.sources.locations import Delivery
from de_assets.storage.s3 import S3Options

CHUNK_BYTES = 8 * 1024 * 1024
UTF8_BOM = codecs.BOM_UTF8
_ZSTD_MAGIC = (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16)))
# A Zstandard frame that holds one line feed: it keeps a last comma from being taken for an end.
_ZSTD_LINE_FEED = bytes.fromhex("28b52ffd2001090000") + b"\n"
_CHANGED = ("412", "PreconditionFailed", "NoSuchKey", "404")


class UnreadableNowError(UnreadableDeliveryError):
    """The delivery changed under our hands, or may not be read; the next look may succeed."""


def unreadable(delivery: Delivery, what: str, fix: str) -> UnreadableDeliveryError:
    """The error for a delivery that is not what it claims to be."""
    return UnreadableDeliveryError(what, where=delivery.url, fix=fix)


@contextmanager
def unchanged(delivery: Delivery, s3: S3Options) -> Iterator[None]:
    """Holds that a file is after the block what it was when it was listed.

    Raises:
        UnreadableNowError: it was overwritten or removed meanwhile, or must not be read.
    """
    try:
        yield
        if delivery.is_on_s3:
            # Text was asked for by version (see `opened`), a scan of Parquet cannot be.
            if delivery.kind == "parquet" and _etag(delivery, s3) != delivery.version:
                raise _changed(delivery)
        else:
            status = Path(delivery.url).stat()
            modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
            if (status.st_size, modified_at) != (delivery.size_bytes, delivery.modified_at):
                raise _changed(delivery)
    except FileNotFoundError:
        raise _changed(delivery) from None
    except PermissionError:
        raise UnreadableNowError(
            "the file may not be read",
            where=delivery.url,
            fix="give the account that runs this the right to read it",
        ) from None


def digest_of(delivery: Delivery) -> str:
    """What identifies the content: the ETag on S3, else the SHA-256, in hexadecimal digits."""
    if delivery.is_on_s3:
        return delivery.version
    with Path(delivery.url).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_chunks(delivery: Delivery, s3: S3Options, encoding: str) -> Generator[bytes, None, None]:
    """The decompressed content as pieces of UTF-8 without BOM, cut anywhere.

    Raises:
        UnreadableDeliveryError: cut short or damaged compression, bytes that are not text in this
            encoding, NUL bytes.
    """
    if delivery.compression and not delivery.size_bytes:
        raise unreadable(
            delivery,
            f"0 bytes are no .{delivery.compression} file: the delivery is cut short",
            "deliver the file again",
        )
    if delivery.compression == "zst" and codecs.lookup(encoding).name != "utf-8":
        raise unreadable(
            delivery,
            f"the source is declared as {encoding}, but inside .zst only UTF-8 is read",
            "deliver the file as UTF-8, or compressed with gzip",
        )
    offset = 0
    decoder = None
    with closing(_bytes_of(delivery, s3)) as pieces:
        for piece in pieces:
            if decoder is None:
                has_bom = piece.startswith(UTF8_BOM)
                decoder = codecs.getincrementaldecoder("utf-8" if has_bom else encoding)()
            text = _decoded(decoder, piece, offset, delivery)
            offset += len(piece)
            yield text
        if decoder is not None:
            yield _decoded(decoder, b"", offset, delivery, final=True)


def _decoded(
    decoder: codecs.IncrementalDecoder,
    piece: bytes,
    offset: int,
    delivery: Delivery,
    *,
    final: bool = False,
) -> bytes:
    try:
        text = decoder.decode(piece, final)
    except UnicodeError as error:
        position = offset + getattr(error, "start", 0)
        raise unreadable(
            delivery,
            f"the content is not text in the declared encoding (near byte {position:,})",
            "set `encoding` of this source to what the file is written in, for example cp1252 or "
            "utf-16; if only this file differs, have it delivered again as UTF-8",
        ) from None
    if "\0" in text:
        raise unreadable(
            delivery,
            f"the content holds NUL bytes (near byte {offset:,}): binary, UTF-16, or a torn copy",
            "set `encoding: utf-16` if it is that; otherwise deliver the file again",
        )
    return text.removeprefix("\ufeff").encode() if offset == 0 else text.encode()


def _bytes_of(delivery: Delivery, s3: S3Options) -> Generator[bytes, None, None]:
    with opened(delivery, s3) as stream:
        if delivery.compression == "zst":
            yield from _unzstd(stream.read(), delivery)
        elif delivery.compression == "gz":
            yield from _ungzip(stream, delivery)
        else:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")


@contextmanager
def opened(delivery: Delivery, s3: S3Options) -> Iterator[IO[bytes]]:
    """The file's bytes as they lie there; on S3 the very version that was listed.

    Raises:
        UnreadableNowError: the object was overwritten or removed since it was listed.
    """
    if not delivery.is_on_s3:
        with Path(delivery.url).open("rb") as stream:
            yield stream
        return
    answer = _asked(delivery, s3, "get_object", IfMatch=f'"{delivery.version}"')
    with closing(answer["Body"]) as body:
        yield body


def _etag(delivery: Delivery, s3: S3Options) -> str:
    return str(_asked(delivery, s3, "head_object")["ETag"].strip('"'))


def _asked(delivery: Delivery, s3: S3Options, operation: str, **options: str) -> Any:  # noqa: ANN401
    bucket, _, key = delivery.url.removeprefix("s3://").partition("/")
    try:
        return getattr(s3.client, operation)(Bucket=bucket, Key=key, **options)
    except s3.client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _CHANGED:
            raise _changed(delivery) from None
        raise


def _ungzip(stream: IO[bytes], delivery: Delivery) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as content:
            yield from iter(lambda: content.read(CHUNK_BYTES), b"")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        what = "is cut short" if isinstance(error, EOFError) else "is damaged, or is no gzip"
        raise unreadable(
            delivery, f"the .gz file {what}", "deliver the file again, complete"
        ) from None


def _unzstd(compressed: bytes, delivery: Delivery) -> Iterator[bytes]:
    """Decompressed through Polars' CSV reader, since Python 3.11 has no Zstandard of its own.

    Cells that commas separate give the text back as it was, in bounded memory; only a carriage
    return directly before a comma is lost. It must be UTF-8.
    """
    lines = pl.scan_csv(
        compressed + _ZSTD_LINE_FEED,
        has_header=False,
        schema={"piece": pl.String},
        separator="\x01",
        eol_char=",",
        quote_char=None,
        infer_schema=False,
        empty_string_is_null=False,
    )
    comma = ""
    damaged = unreadable(
        delivery,
        "the .zst file is cut short or damaged, or is no Zstandard",
        "deliver the file again, complete",
    )
    if not compressed.startswith(_ZSTD_MAGIC):
        raise damaged
    try:
        for batch in lines.collect_batches(maintain_order=True):
            yield (comma + ",".join(batch["piece"].fill_null("").to_list())).encode()
            comma = ","
    except OSError:
        raise damaged from None
    except pl.exceptions.PolarsError:
        raise unreadable(
            delivery,
            "the .zst file does not hold plain UTF-8 text",
            "deliver the file as UTF-8, or compressed with gzip",
        ) from None


def _changed(delivery: Delivery) -> UnreadableNowError:
    return UnreadableNowError(
        "the file changed or vanished while it was being read",
        where=delivery.url,
        fix="wait until its delivery is complete; suppliers should write to a hidden name first",
    )
