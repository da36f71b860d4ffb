"""The sources file, `data/sources/*.yaml`: where the source tables live, validated and frozen.

Every key that a user may write is a field here; what is wrong is said by `config_errors.py`.
Reading the sources themselves is not here. Who uses it: whoever wires a run.
"""

import codecs
import re
from datetime import UTC, date, datetime
from glob import escape
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import unquote, urlsplit

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from de_assets.contracts.source_tables import CONTACTS, EVENTS, ORDER_LINES, PRODUCTS, SourceTable
from de_assets.errors import SourcesError
from de_assets.sources.calendar_days import Day, OneGap
from de_assets.sources.config_errors import UnknownColumnError, parse_yaml, sentences
from de_assets.sources.destinations import Destinations, absolute
from de_assets.sources.write_back import WriteBack
from de_assets.transforms.dates import EPOCH_MILLISECONDS, EPOCH_SECONDS

FILE_SCHEMES = ("file", "s3")
CRM_SCHEMES = ("http", "https")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")


def scheme_of(url: str) -> str:
    """The scheme in lower case; empty for a plain path."""
    match = _SCHEME.match(url)
    return match.group(1).lower() if match else ""


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        msg = "must be one character, and neither a quote nor a line break"
        raise ValueError(msg)
    return text


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _known_encoding(name: str) -> str:
    try:
        is_text = codecs.lookup(name)._is_text_encoding  # noqa: SLF001  tells base64 from utf-8
    except LookupError:
        is_text = False
    if not is_text:
        msg = "is no encoding that Python knows; common ones are utf-8, cp1252, latin-1, utf-16"
        raise ValueError(msg)
    return name


def _usable_format(wanted: str) -> str:
    if wanted in (EPOCH_SECONDS, EPOCH_MILLISECONDS):
        return wanted
    probe = pl.Series([datetime(2011, 10, 23, 4, 5, 6, tzinfo=UTC)])
    try:
        parsed = probe.dt.strftime(wanted).str.to_datetime(wanted, strict=False)
        is_usable = parsed.dt.date().to_list() == [date(2011, 10, 23)]
    except pl.exceptions.PolarsError:
        is_usable = False
    if not is_usable:
        msg = f"{wanted!r} does not name a day: write a format like '%d/%m/%Y %H:%M'"
        raise ValueError(msg)
    return wanted


Name = Annotated[str, Field(min_length=1)]
Character = Annotated[str, AfterValidator(_one_character)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]
Format = Annotated[str, AfterValidator(_usable_format)]


def _column_of(table: SourceTable) -> AfterValidator:
    def is_known(name: str) -> str:
        if name not in table.columns:
            raise UnknownColumnError(name, table.columns)
        return name

    return AfterValidator(is_known)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Calendar(_Section):
    """The days that the platform knows; `end` is the last one, left out: up to today.

    On `gaps` (weekdays, days, ranges of days) nothing is due: no alarm says that it is missing.
    """

    start: Day
    end: Day | None = None
    gaps: Annotated[tuple[OneGap, ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end is not None and self.end < self.start:
            msg = f"start {self.start} is after end {self.end}: exchange them"
            raise ValueError(msg)
        return self

    def has(self, day: date, *, today: date) -> bool:
        """Whether the day lies in the calendar."""
        return self.start <= day <= (self.end or today)

    def is_gap(self, day: date) -> bool:
        """Whether nothing is due on the day."""
        return any(gap.has(day) for gap in self.gaps)


class TableSource(_Section):
    """Where one source table lives, and how its files are written.

    `url` is absolute once it comes from `load_sources`; `columns` maps our names to the supplier's
    alternatives. A column of ours that is not mapped is looked for under its own name.
    """

    schemes: ClassVar[tuple[str, ...]] = FILE_SCHEMES

    url: Name
    columns: dict[str, Names] = Field(default_factory=dict)
    separator: Character | None = None
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Character | None = None
    datetime_format: Annotated[tuple[Format, ...], BeforeValidator(_listed)] = ()
    null_values: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()

    @field_validator("url")
    @classmethod
    def _is_supported(cls, url: str) -> str:
        scheme = scheme_of(url)
        if scheme and scheme not in cls.schemes:
            known = ", ".join(f"{name}:" for name in cls.schemes)
            hint = "; http(s): is for contacts" if scheme in CRM_SCHEMES else ""
            msg = f"the scheme {scheme}: is not supported; write a path, a glob, or {known}{hint}"
            raise ValueError(msg)
        parts = urlsplit(url)
        if scheme in ("s3", *CRM_SCHEMES) and not parts.netloc:
            msg = f"names no {'bucket' if scheme == 's3' else 'host'} after {scheme}://"
            raise ValueError(msg)
        if scheme and "@" in parts.netloc:
            msg = "must not hold credentials; they belong in the environment"
            raise ValueError(msg)
        if scheme == "file" and parts.netloc not in ("", "localhost"):
            msg = "must be file:///path, without a host"
            raise ValueError(msg)
        return url

    @model_validator(mode="after")
    def _numbers_are_readable(self) -> Self:
        if self.thousands == self.decimal:
            msg = f"decimal and thousands are both {self.decimal!r}: set another one"
            raise ValueError(msg)
        return self

    def names_of(self, column: str) -> tuple[str, ...]:
        """What a column of ours may be called in the source, in order of preference."""
        return self.columns.get(column, (column,))

    @property
    def is_files(self) -> bool:
        """Whether files are delivered; otherwise it is a CRM to ask."""
        return scheme_of(self.url) not in CRM_SCHEMES


class Cancellation(_Section):
    """How the shop marks a cancelled order: the order's id begins so."""

    order_id_prefix: Name


class OrderLinesSource(TableSource):
    """The orders of the shop."""

    columns: dict[Annotated[str, _column_of(ORDER_LINES)], Names] = Field(default_factory=dict)
    cancellation: Cancellation | None = None


class ProductsSource(TableSource):
    """The catalogue."""

    columns: dict[Annotated[str, _column_of(PRODUCTS)], Names] = Field(default_factory=dict)


class EventsSource(TableSource):
    """The web events."""

    columns: dict[Annotated[str, _column_of(EVENTS)], Names] = Field(default_factory=dict)


class ContactsSource(TableSource):
    """The contacts: a CRM (`http(s)://`) or files.

    `stand_in_from: order_lines` tells the sandbox to stand in a CRM, with one contact for each
    contact id that it finds there.
    """

    columns: dict[Annotated[str, _column_of(CONTACTS)], Names] = Field(default_factory=dict)
    schemes = (*FILE_SCHEMES, *CRM_SCHEMES)
    stand_in_from: Literal["order_lines"] | None = None

    @model_validator(mode="after")
    def _stands_in_a_crm(self) -> Self:
        if self.stand_in_from and self.is_files:
            msg = "stand_in_from needs the http(s):// url of the CRM to stand in: set url"
            raise ValueError(msg)
        return self


class Sources(_Section):
    """The whole sources file. A table that is left out is empty."""

    calendar: Calendar
    currency: Annotated[str, Field(pattern="^[a-z]{3}$")]
    order_lines: OrderLinesSource | None = None
    products: ProductsSource | None = None
    contacts: ContactsSource | None = None
    events: EventsSource | None = None
    write_back: WriteBack = WriteBack()
    destinations: Destinations = ()

    @model_validator(mode="after")
    def _stand_in_has_its_source(self) -> Self:
        if self.contacts and self.contacts.stand_in_from and self.order_lines is None:
            msg = "contacts.stand_in_from names order_lines, which is not declared: declare it"
            raise ValueError(msg)
        return self

    def of_table(self, name: str) -> TableSource | None:
        """The source of `order_lines`, `products`, `contacts` or `events`; None when left out."""
        return {
            "order_lines": self.order_lines,
            "products": self.products,
            "contacts": self.contacts,
            "events": self.events,
        }[name]


def load_sources(path: str | Path) -> Sources:
    """Read and validate a sources file (YAML or JSON); its relative paths become absolute.

    Raises:
        SourcesError: the file is missing, is not YAML, or breaks rules: each is listed, with its
            key, what is allowed there, and the fix.
    """
    path = Path(path)
    raw = parse_yaml(path)
    try:
        sources = Sources.model_validate(raw)
    except ValidationError as error:
        problems = sentences(error, Sources)
        raise SourcesError(
            "the sources file is wrong:\n" + "\n".join(f"  - {each}" for each in problems),
            where=str(path),
            fix="correct the keys above" if len(problems) > 1 else "correct the key above",
        ) from None
    folder = path.absolute().parent
    updated: dict[str, Any] = {"destinations": absolute(sources.destinations, folder)}
    for name in ("order_lines", "products", "contacts", "events"):
        source = sources.of_table(name)
        if source is not None:
            url = _absolute(source.url, folder)
            updated[name] = source.model_copy(update={"url": url})
    return sources.model_copy(update=updated)


def _absolute(url: str, folder: Path) -> str:
    scheme = scheme_of(url)
    if scheme not in ("", "file"):
        return url
    if scheme == "file":
        url = unquote(urlsplit(url).path)
    if Path(url).is_absolute():
        return url
    # A bracket in the folder's own name is no pattern.
    is_glob = any(mark in url for mark in "*?[")
    return str(Path(escape(str(folder)) if is_glob else folder, url))
