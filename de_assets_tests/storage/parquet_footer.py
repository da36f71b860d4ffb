"""Reads what a Parquet file says of its column chunks, as any other reader of the format would.

No Parquet library but Polars is installed here, and Polars does not tell codec and statistics.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

ZSTD = 6
TRUE, FALSE, BINARY, LIST, STRUCT = 1, 2, 8, 9, 12
SIZES_BYTES = {3: 1, 7: 8}


@dataclass(frozen=True)
class ColumnChunk:
    """One column of one row group; bounds as their stored bytes, None without statistics."""

    name: str
    codec: int
    minimum: bytes | None
    maximum: bytes | None


def column_chunks(content: bytes) -> Iterator[ColumnChunk]:
    """Every column chunk that the footer of a Parquet file names."""
    length = int.from_bytes(content[-8:-4], "little")
    footer = _struct(BytesIO(content[-8 - length : -8]))
    for row_group in footer[4]:
        for chunk in row_group[1]:
            facts = chunk[3]
            bounds = facts.get(12, {})
            yield ColumnChunk(b".".join(facts[3]).decode(), facts[4], bounds.get(6), bounds.get(5))


def _struct(stream: BytesIO) -> dict[int, Any]:
    fields: dict[int, Any] = {}
    number = 0
    while header := stream.read(1)[0]:
        step, kind = header >> 4, header & 15
        number = number + step if step else _zigzag(stream)
        fields[number] = _value(stream, kind)
    return fields


def _value(stream: BytesIO, kind: int) -> Any:
    """A value of one of the types of Thrift's compact protocol, in which footers are written."""
    if kind in (TRUE, FALSE):
        return kind == TRUE
    if kind == STRUCT:
        return _struct(stream)
    if kind == LIST:
        header = stream.read(1)[0]
        size = _varint(stream) if header >> 4 == 15 else header >> 4
        return [_value(stream, header & 15) for _ in range(size)]
    if kind in SIZES_BYTES:
        return stream.read(SIZES_BYTES[kind])
    return stream.read(_varint(stream)) if kind == BINARY else _zigzag(stream)


def _zigzag(stream: BytesIO) -> int:
    number = _varint(stream)
    return (number >> 1) ^ -(number & 1)


def _varint(stream: BytesIO) -> int:
    number = shift = 0
    while True:
        byte = stream.read(1)[0]
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number
