"""JSON Lines as text: one object a line, every value the text that stands in the file.

Numbers keep their digits ("1.10", and identifiers of twenty digits), strings lose their quotes,
nested values stay JSON; null and "" are null. Typing is not here. Who uses it: `files.py`.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import polars as pl

from de_assets.sources.content import unreadable
from de_assets.sources.csv_text import Chunks
from de_assets.sources.locations import Delivery

_ROWS_PER_FRAME = 50_000
_LONGEST_LINE_BYTES = 64 * 1024 * 1024


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


class _RepeatedKeyError(ValueError):
    pass


class JsonLines:
    """One delivered JSON Lines file.

    Args:
        delivery: the file, for messages.
        chunks: opens its content anew, as pieces of UTF-8.
    """

    def __init__(self, delivery: Delivery, chunks: Chunks) -> None:
        self._delivery = delivery
        self._chunks = chunks
        self.keys: dict[str, None] = {}  # every key that was met so far, in order
        decoder = partial(
            json.JSONDecoder, parse_int=_Digits, parse_float=_Digits, parse_constant=_Digits
        )
        self._decode = decoder().decode
        self._decode_carefully = decoder(object_pairs_hook=_object).decode

    def frames(
        self, only: Callable[[str], bool] | None = None
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """The rows in pieces: the number of the first row (from 1), and its String columns.

        A piece has the keys of its own lines, or those that `only` accepts (one column in any
        case). Blank lines are no rows.

        Raises:
            UnreadableDeliveryError: a line that is no JSON object, or holds a key twice.
        """
        rows: list[dict[str, Any]] = []
        first = 1
        for number, line in enumerate(self._lines(), 1):
            if not line.strip():
                continue
            rows.append(self._row(line, number))
            if len(rows) == _ROWS_PER_FRAME:
                yield first, self._frame(rows, only)
                first += len(rows)
                rows = []
        if rows:
            yield first, self._frame(rows, only)

    def _frame(
        self, rows: list[dict[str, Any]], only: Callable[[str], bool] | None
    ) -> pl.DataFrame:
        keys = dict.fromkeys(key for row in rows for key in row)
        self.keys.update(keys)
        wanted = [key for key in keys if only is None or only(key)] or [""]
        columns = {key: [_text(row.get(key)) for row in rows] for key in wanted}
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))

    def _lines(self) -> Iterator[bytes]:
        carry = b""
        for chunk in self._chunks():
            *lines, carry = (carry + chunk).split(b"\n")
            yield from lines
            if len(carry) > _LONGEST_LINE_BYTES:
                raise unreadable(
                    self._delivery, "a line is longer than 64 MiB", "write one object a line"
                )
        yield carry

    def _row(self, line: bytes, number: int) -> dict[str, Any]:
        what = "is no JSON object: the file is cut short, or is not JSON Lines"
        try:
            row = self._decode(line.decode())
            if isinstance(row, dict):
                # Python keeps the last of two same keys; nothing else makes these counts differ
                # in a flat object without spaces before colons, so few lines are read twice.
                if line.count(b'":') != len(row) or b'" :' in line:
                    row = self._decode_carefully(line.decode())
                return _encodable(row) if b"\\u" in line else row
            if isinstance(row, list):
                what = "is a JSON array, not an object"
        except _RepeatedKeyError:
            what = "holds a key twice"
        except UnicodeEncodeError:
            what = "holds half a character (an unpaired surrogate)"
        except (ValueError, RecursionError):
            pass
        raise unreadable(
            self._delivery,
            f"line {number:,} {what}",
            "deliver the file again, complete, one JSON object a line",
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


def _encodable(row: dict[str, Any]) -> dict[str, Any]:
    _written(row).encode()
    return row


def _text(value: Any) -> str | None:  # noqa: ANN401  whatever JSON holds
    if isinstance(value, str):
        return value or None
    return None if value is None else _written(value)


def _written(value: Any) -> str:  # noqa: ANN401  whatever JSON holds
    """A value as JSON, numbers with their own digits (json.dumps would quote them)."""
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        parts = (f"{_quoted(key)}:{_written(each)}" for key, each in value.items())
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return _quoted(value)


def _quoted(value: str | bool | None) -> str:  # noqa: FBT001  a JSON scalar
    return json.dumps(value, ensure_ascii=False)
