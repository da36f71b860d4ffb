"""Recognises erased people in frames by the keyed tokens of their identifiers.

Pure: frames in, masks and frames out. Where the tokens are kept is in `tombstones.py`; who asks is
the ingestion of raw (through it) and erasure, so that both leave the same rows.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Literal, get_args

import polars as pl

from de_assets.contracts.source_tables import CONTACTS, SourceTable
from de_assets.transforms.tokens import TOKEN_CHARACTERS, normalise

Kind = Literal["contact", "crm", "email", "phone", "visitor", "session"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Where a column of ours names a person. The first that a row has decides whose the row is.
OWNERS: Mapping[str, Kind] = {
    "contact_id": "contact",
    "visitor_id": "visitor",
    "session_id": "session",
}
RECORD_KEYS: Mapping[str, Kind] = {"contact_id": "contact", "crm_id": "crm", "email": "email"}
EXTRA = "_extra"
REDACTED = "[erased]"
FEWEST_PHONE_DIGITS = 7  # fewer are an order number, a size, a house
_EMAIL_PART = r"""[^\s@"'<>()\[\]{},;:|\\/=&?]+"""
EMAIL = rf"{_EMAIL_PART}(?:@|%40){_EMAIL_PART}\.(?:xn--[a-z0-9-]+|\pL{{2,}})"
PHONE = r"\+?\(?[0-9][0-9 ()./-]{5,}[0-9]"
# What `make_sessions` calls a session that the tracker did not name: whose it is, and since when.
MADE_SESSION = r"^(contact|visitor|session):(.*)@[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}$"


@dataclass(frozen=True)
class Suppressed:
    """A frame without erased people.

    Attributes:
        frame: The rows that may stay, in the same order and with the same columns.
        erased: How many rows were dropped or lost cells, by `dt` (None for tables without days);
            empty where nothing was found.
    """

    frame: pl.DataFrame
    erased: Mapping[date | None, int]


@dataclass(frozen=True)
class Erased:
    """The tokens of everybody who was erased, by kind of identifier.

    Attributes:
        key: The key of the tokens.
        tokens: Of each kind; none of a kind may be left out.
    """

    key: bytes = field(repr=False)
    tokens: Mapping[Kind, frozenset[str]]

    def __bool__(self) -> bool:
        """Whether anybody was erased."""
        return any(self.tokens.values())

    def has(self, kind: Kind, values: pl.Series) -> pl.Series:
        """Which values are identifiers of an erased person (Boolean; null is False)."""
        text = values.cast(pl.String)
        known = self.tokens.get(kind, frozenset())
        if not known:
            return pl.repeat(value=False, n=len(text), dtype=pl.Boolean, eager=True)
        found = [
            value
            for value in text.drop_nulls().unique().to_list()
            if token_of(self.key, kind, value) in known
        ]
        return text.is_in(found).fill_null(value=False)

    def owned(self, rows: pl.LazyFrame) -> pl.Expr:
        """Whether a row is an erased person's (Boolean), by contact, else visitor, else session.

        Args:
            rows: Any table, of which the distinct identifiers are read now; columns of `OWNERS`
                that it does not have are passed over.
        """
        names = [name for name in OWNERS if name in rows.collect_schema().names()]
        is_owned = pl.lit(value=False)
        is_open = pl.lit(value=True)
        for name in names:
            text = pl.col(name).cast(pl.String)
            found = self._distinct(rows.filter(is_open), name)
            is_owned |= is_open & text.is_in(found).fill_null(value=False)
            is_open &= pl.col(name).is_null()
        return is_owned

    def _distinct(self, rows: pl.LazyFrame, name: str) -> list[str]:
        """The distinct values of a column that name an erased person."""
        made_of = OWNERS.values() if name == "session_id" else ()
        if not any(self.tokens.get(kind) for kind in (OWNERS[name], *made_of)):
            return []
        values = rows.select(pl.col(name).cast(pl.String).drop_nulls().unique()).collect()[name]
        mask = self.has(OWNERS[name], values)
        for kind in made_of:
            parts = values.str.extract_groups(MADE_SESSION).struct
            mask |= self.has(kind, parts.field("2").set(parts.field("1") != kind, None))
        return values.filter(mask).to_list()

    def suppress(self, table: SourceTable, frame: pl.DataFrame) -> Suppressed:
        """Take erased people out of rows of a source table, as they arrived.

        Contacts are dropped by their key, the CRM's key or their e-mail address; rows of other
        tables by whose they are. Where a table is anonymised (order lines), its row stays without
        the contact and without what nobody mapped. In the rows of others an erased e-mail address
        or telephone number takes away the cell in which it stands, and `_extra`.

        Args:
            table: Which source table.
            frame: Its columns of any type, `_extra` (String), and `dt` (Date) if it has days.
        """
        mask = self._records(frame) if table.name == CONTACTS.name else self._rows(frame)
        cells = self._cells(table, frame)
        is_changed = reduce(lambda left, right: left | right, cells.values(), _nowhere(frame))
        is_changed |= mask
        if not is_changed.any():
            return Suppressed(frame, {})
        by_day = frame.filter(is_changed).group_by(
            pl.col("dt") if "dt" in frame.columns else pl.lit(None, pl.Date).alias("dt")
        )
        erased = dict(by_day.len().iter_rows())
        clean = frame.with_columns(
            self._without(table, frame[name], hit) for name, hit in cells.items() if hit.any()
        )
        if EXTRA in frame.columns:
            clean = clean.with_columns(_nulled(clean[EXTRA], is_changed))
        if table.on_erasure == "delete":
            return Suppressed(clean.filter(~mask), erased)
        owners = [name for name in OWNERS if name in frame.columns]
        return Suppressed(clean.with_columns(_nulled(clean[name], mask) for name in owners), erased)

    def _records(self, frame: pl.DataFrame) -> pl.Series:
        """Contacts by any of their keys."""
        return reduce(
            lambda mask, name: mask | self.has(RECORD_KEYS[name], frame[name]),
            [name for name in RECORD_KEYS if name in frame.columns],
            _nowhere(frame),
        )

    def _rows(self, frame: pl.DataFrame) -> pl.Series:
        return frame.select(
            pl.repeat(value=False, n=pl.len(), dtype=pl.Boolean) | self.owned(frame.lazy())
        ).to_series()

    def _cells(self, table: SourceTable, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """For each text column the mask of cells in which an erased identifier stands."""
        passed_over = {*RECORD_KEYS, *OWNERS, *table.direct_identifiers}
        return {
            name: self._mentions(frame[name], with_phones=_may_hold_phones(table, name))
            for name in (*table.columns, EXTRA)
            if name in frame.columns and name not in passed_over and frame.schema[name] == pl.String
        }

    def _mentions(self, cells: pl.Series, *, with_phones: bool) -> pl.Series:
        distinct = cells.drop_nulls().unique()
        hits: list[str] = []
        if self.tokens.get("email"):
            suspects = distinct.filter(distinct.str.contains("@|%40"))
            hits += [one for one in suspects.to_list() if any(self._found("email", one))]
        if with_phones and self.tokens.get("phone"):
            suspects = distinct.filter(distinct.str.contains(PHONE))
            hits += [one for one in suspects.to_list() if any(self._found("phone", one))]
        return cells.is_in(hits).fill_null(value=False)

    def _found(self, kind: Kind, text: str) -> Iterator[str]:
        """Erased identifiers as they stand in a text."""
        for candidate in emails_in(text) if kind == "email" else phones_in(text):
            if token_of(self.key, kind, plain_email(candidate)) in self.tokens[kind]:
                yield candidate

    def _without(self, table: SourceTable, cells: pl.Series, hit: pl.Series) -> pl.Series:
        """The column without the cells; where rows need a value, without the identifier alone."""
        if cells.name not in table.required:
            return _nulled(cells, hit)
        shortened = {}
        for text in cells.filter(hit).unique().to_list():
            shortened[text] = text
            for identifier in self._found("email", text):
                shortened[text] = shortened[text].replace(identifier, REDACTED)
        return cells.replace(shortened)


def token_of(key: bytes, kind: Kind, value: str) -> str | None:
    """The keyed token of an identifier; None for a text that identifies nobody of that kind."""
    text = value.strip()
    if kind == "email":
        text = normalise(text) if "@" in text else ""
    elif kind == "phone":
        text = normalise(text)
        text = text if text.isdigit() and len(text) >= FEWEST_PHONE_DIGITS else ""
    else:
        text = re.sub(r"^([0-9]+)\.0+$", r"\1", text)  # as the cleaned tables read identifiers
    if not text:
        return None
    return hmac.digest(key, f"{kind}\0{text}".encode(), "sha256").hex()[:TOKEN_CHARACTERS]


def emails_in(text: str) -> list[str]:
    """What looks like an e-mail address in a text, as it stands there."""
    found = pl.Series([text]).str.extract_all(EMAIL).item()
    return [str(one).rstrip(".") for one in found]


def phones_in(text: str) -> list[str]:
    """What looks like a telephone number in a text, as it stands there."""
    return re.findall(PHONE, text)


def plain_email(found: str) -> str:
    """An address that went through a link, as it is written elsewhere."""
    return found.replace("%40", "@")


def _may_hold_phones(table: SourceTable, name: str) -> bool:
    """Free text; digits in a key or a code are no telephone."""
    return name == EXTRA or (name not in table.required and not name.endswith("_id"))


def _nulled(cells: pl.Series, hit: pl.Series) -> pl.Series:
    return pl.select(pl.when(~hit).then(cells)).to_series().alias(cells.name)


def _nowhere(frame: pl.DataFrame) -> pl.Series:
    return pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)


def merged(tokens: Sequence[Mapping[Kind, frozenset[str]]]) -> dict[Kind, frozenset[str]]:
    """The tokens of several people as one."""
    return {kind: frozenset().union(*(one.get(kind, ()) for one in tokens)) for kind in KINDS}
