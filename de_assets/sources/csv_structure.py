"""Where the records of a CSV text end and how many fields each has, found before it is parsed.

Exact for well-formed quoting (RFC 4180: a quote opens a cell, closes it, or is doubled inside);
anything else is irregular, which is for another reader to judge. Used by `csv_text.py` only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

_LONGEST_RECORD_BYTES = 4 * 1024 * 1024
_QUOTE, _LINE_FEED, _RETURN = b'"\n\r'

Positions = npt.NDArray[np.intp]


class IrregularError(Exception):
    """The text is not provably regular."""


@dataclass(frozen=True)
class Records:
    """Complete records: their text, and for each line of it the fields and whether it is blank."""

    content: bytes
    ends: Positions
    fields: Positions
    is_filled: npt.NDArray[np.bool_]

    @property
    def lines(self) -> int:
        """Records and blank lines."""
        return len(self.ends)

    @property
    def count(self) -> int:
        """Records."""
        return int(self.is_filled.sum())

    def has_other_field_count(self, fields: int) -> bool:
        """Whether any record has more or fewer fields."""
        return bool((self.fields[self.is_filled] != fields).any())

    def after_first(self) -> Self:
        """All but the first record (the header) and the blank lines before it."""
        if not self.count:
            raise IrregularError
        first = int(np.argmax(self.is_filled))
        start = int(self.ends[first]) + 1
        return type(self)(
            self.content[start:],
            self.ends[first + 1 :] - start,
            self.fields[first + 1 :],
            self.is_filled[first + 1 :],
        )


def complete_records(chunks: Iterable[bytes], separator: str) -> Iterator[Records]:
    """Cut a text that comes in pieces at the ends of records.

    Raises:
        IrregularError: quotes inside unquoted cells, text around quoted ones, a quote that is not
            closed, carriage returns without line feed, records of megabytes.
    """
    if len(separator.encode()) != 1:
        raise IrregularError  # Polars wants one byte
    carry = b""
    for chunk in chunks:
        text = carry + chunk
        size = _complete_bytes(text)
        carry = text[size:]
        if len(carry) > _LONGEST_RECORD_BYTES:
            raise IrregularError
        if size:
            yield _records(text[:size], separator)
    if carry:
        if _complete_bytes(carry + b"\n") != len(carry) + 1:
            raise IrregularError
        yield _records(carry + b"\n", separator)


def _complete_bytes(text: bytes) -> int:
    """How many bytes the records take that are complete in this text."""
    outside = _outside(_positions(text, _LINE_FEED), _positions(text, _QUOTE))
    return int(outside[-1]) + 1 if len(outside) else 0


def _records(text: bytes, separator: str) -> Records:
    quotes = _positions(text, _QUOTE)
    array = np.frombuffer(text, np.uint8)
    mark = ord(separator)
    if not _is_well_quoted(array, quotes, mark) or _has_lone_return(array):
        raise IrregularError
    ends = _outside(_positions(text, _LINE_FEED), quotes)
    starts = np.concatenate(([0], ends[:-1] + 1))
    separators = _outside(_positions(text, mark), quotes)
    fields = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    lengths = ends - starts
    is_filled = (lengths > 1) | ((lengths == 1) & (array[starts] != _RETURN))
    return Records(text, ends, fields, is_filled)


def _positions(text: bytes, byte: int) -> Positions:
    return np.flatnonzero(np.frombuffer(text, np.uint8) == byte)


def _outside(positions: Positions, quotes: Positions) -> Positions:
    """Those positions that no pair of quotes encloses."""
    if not len(quotes):
        return positions
    outside: Positions = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return outside


def _is_well_quoted(array: npt.NDArray[np.uint8], quotes: Positions, mark: int) -> bool:
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    # A doubled quote is seen as one that closes and one that opens, side by side.
    before = np.where(opening > 0, array[opening - 1], _LINE_FEED)
    after = array[closing + 1]  # there is always the last line feed
    opens = (before == mark) | (before == _LINE_FEED)
    opens[1:] |= opening[1:] == closing[:-1] + 1
    closes = (after == mark) | (after == _LINE_FEED) | (after == _RETURN)
    closes[:-1] |= opening[1:] == closing[:-1] + 1
    return bool(opens.all() and closes.all())


def _has_lone_return(array: npt.NDArray[np.uint8]) -> bool:
    returns = np.flatnonzero(array == _RETURN)
    return bool(len(returns)) and bool((array[returns + 1] != _LINE_FEED).any())
