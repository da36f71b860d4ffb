"""CSV as text, whole or not at all: every cell a String, every record with its number of fields.

Polars reads the pieces whose structure is proven beforehand (`csv_structure.py`), since it fills
short records with nulls in silence; Python's csv module reads what is irregular and says what is
wrong with it. Both give the same rows. Typing is not here. Who uses it: `files.py`.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count

import polars as pl

from de_assets.errors import UnreadableDeliveryError
from de_assets.sources.content import unreadable
from de_assets.sources.csv_structure import IrregularError, Records, complete_records
from de_assets.sources.locations import Delivery

SEPARATORS = (",", ";", "\t", "|")
_ROWS_PER_FRAME = 50_000
_FIELD_LIMIT = 131_072

Chunks = Callable[[], Iterator[bytes]]


class CsvText:
    """One delivered CSV file.

    Args:
        delivery: the file, for messages.
        chunks: opens its content anew, as pieces of UTF-8.
        separator: the declared one; without it the header tells.
        expected: names of columns that the header may hold, to recognise the separator by.
    """

    def __init__(
        self, delivery: Delivery, chunks: Chunks, separator: str | None, expected: Collection[str]
    ) -> None:
        self._delivery = delivery
        self._chunks = chunks
        first_record = _first_record(self._lines())
        fixed = separator or ("\t" if delivery.kind == "tsv" else None)
        self._separator = fixed or _detect_separator(first_record, expected)
        header = self._header(first_record)
        self.header = tuple(header)
        self.names = _distinct(header)
        # Cells behind the last named column are an empty extra column, as spreadsheets leave it.
        self._required_fields = max((i + 1 for i, n in enumerate(header) if n.strip()), default=0)

    def frames(
        self, only: Callable[[str], bool] | None = None
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """The rows in pieces: the number of the first row (from 1), and its String columns.

        Columns that `only` does not accept are left out (never all). Blank lines are no rows; an
        empty cell is null.

        Raises:
            UnreadableDeliveryError: a record with too many or too few fields, a quote that is not
                closed, text behind a closing quote; names the row and the line.
        """
        if not self.names:
            return
        wanted = [i for i, name in enumerate(self.names) if only is None or only(name)] or [0]
        done = 0
        try:
            for frame in self._regular(wanted):
                yield done + 1, frame
                done += len(frame)
        except IrregularError:
            skip = done
            for frame in self._irregular(wanted):
                rest = frame[skip:] if skip else frame
                skip -= len(frame) - len(rest)
                if not rest.is_empty():
                    yield done + 1, rest
                    done += len(rest)

    def _regular(self, wanted: Sequence[int]) -> Iterator[pl.DataFrame]:
        is_header_read = False
        for records in complete_records(self._chunks(), self._separator):
            regular = records
            if not is_header_read:
                regular = records.after_first()
                is_header_read = True
            if regular.count:
                yield self._parsed(regular, wanted)

    def _parsed(self, records: Records, wanted: Sequence[int]) -> pl.DataFrame:
        if records.has_other_field_count(len(self.names)):
            raise IrregularError
        # A header of numbers goes first: Polars takes a text that begins with "x^" for zlib's,
        # drops a first U+FEFF and blank lines before the first record.
        header = self._separator.join(map(str, range(len(self.names))))
        try:
            frame = pl.read_csv(
                header.encode() + b"\n" + records.content,
                columns=[str(i) for i in wanted],
                separator=self._separator,
                infer_schema=False,
                encoding="utf8",
            )
        except (pl.exceptions.PolarsError, OSError):
            raise IrregularError from None
        if len(frame) != records.lines or frame.width != len(wanted):
            raise IrregularError
        if records.lines != records.count:
            frame = frame.filter(pl.Series(records.is_filled))
        frame.columns = [self.names[i] for i in wanted]
        return frame.with_columns(_empty_is_null())

    def _irregular(self, wanted: Sequence[int]) -> Iterator[pl.DataFrame]:
        names = [self.names[i] for i in wanted]
        schema = dict.fromkeys(names, pl.String)
        rows: list[list[str]] = []
        reader = csv.reader(self._lines(), delimiter=self._separator, strict=True)
        numbers = count(0)  # the header is number 0
        try:
            for record in reader:
                if not record:
                    continue
                number = next(numbers)
                if number == 0:
                    continue
                rows.append(self._whole(record, number, reader.line_num))
                if len(rows) == _ROWS_PER_FRAME:
                    yield _frame(rows, wanted, schema)
                    rows = []
        except csv.Error as error:
            raise self._broken(error, next(numbers), reader.line_num) from None
        yield _frame(rows, wanted, schema)

    def _whole(self, record: list[str], number: int, line: int) -> list[str]:
        width = len(self.names)
        if len(record) < self._required_fields or any(record[width:]):
            raise unreadable(
                self._delivery,
                f"row {number:,} (line {line:,}) has {len(record)} fields where the header has "
                f"{width}",
                "have the file delivered again with cells that hold a line break or the separator "
                "in quotes; if every row is so, set `separator` of this source",
            )
        return record[:width] + [""] * (width - len(record))

    def _header(self, first_record: str) -> list[str]:
        lines = io.StringIO(first_record, newline="")
        try:
            return next(csv.reader(lines, delimiter=self._separator, strict=True), [])
        except csv.Error as error:
            raise self._broken(error, 0, 1) from None

    def _broken(self, error: csv.Error, number: int, line: int) -> UnreadableDeliveryError:
        where = f"row {number:,}" if number else "the header"
        if "unexpected end" in str(error):
            what = f"a quote in {where} is never closed: the file is cut short, or the quote stray"
        elif "field larger" in str(error):
            what = f"a cell in {where} is longer than {_FIELD_LIMIT:,} characters: a stray quote?"
        else:
            what = f"{where} (line {line:,}) has text behind a closing quote"
        return unreadable(
            self._delivery,
            what,
            "deliver the file again, complete, with quotes inside quoted cells doubled",
        )

    def _lines(self) -> Iterator[str]:
        stream = io.BufferedReader(_Stream(self._chunks()), 1024 * 1024)
        with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            yield from text


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._chunks, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _first_record(lines: Iterator[str]) -> str:
    """The text of the first record that is not blank, with the lines that its quotes span."""
    record = ""
    for line in lines:
        record += line if record or line.strip("\r\n") else ""
        if record and (record.count('"') % 2 == 0 or len(record) > _FIELD_LIMIT):
            break
    return record


def _detect_separator(first_record: str, expected: Collection[str]) -> str:
    known = {_folded(name) for name in expected}

    def score(separator: str) -> tuple[int, int]:
        try:
            names = next(csv.reader(io.StringIO(first_record, newline=""), delimiter=separator), [])
        except csv.Error:
            return 0, 0
        return len(known & {_folded(name) for name in names}), len(names)

    return max(SEPARATORS, key=score)


def _folded(name: str) -> str:
    return name.strip().casefold()


def _distinct(header: Sequence[str]) -> list[str]:
    """The header with unnamed columns numbered; a name that stands twice gets its position."""
    names: list[str] = []
    for position, name in enumerate(header, 1):
        plain = name if name.strip() else f"column_{position}"
        names.append(plain if plain not in names else f"{plain}#{position}")
    return names


def _frame(
    rows: Sequence[Sequence[str]], wanted: Sequence[int], schema: dict[str, type[pl.String]]
) -> pl.DataFrame:
    columns = {name: [row[i] for row in rows] for name, i in zip(schema, wanted, strict=True)}
    return pl.DataFrame(columns, schema=schema).with_columns(_empty_is_null())


def _empty_is_null() -> pl.Expr:
    return pl.all().replace("", None)
