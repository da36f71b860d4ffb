"""The values of the properties that a write-back owns, as texts, and which of them are the same.

The only place that knows how a score looks inside the CRM; `mapping.py` declares what is sent.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

import polars as pl

from de_assets.crm.mapping import CONTACT_KEY as CONTACT_KEY  # noqa: PLC0414  one of our names
from de_assets.crm.mapping import MAPPING, MappedProperty

MEANINGFUL = tuple(each.name for each in MAPPING if each.is_meaningful)
SENT = tuple(each.name for each in MAPPING if each.column is not None)
_KINDS = {each.name: each.kind for each in MAPPING}


def definitions() -> list[dict[str, Any]]:
    """The properties as the CRM's API takes them."""
    return [each.definition() for each in MAPPING]


def contact_key_definition() -> dict[str, Any]:
    """The unique property by which our contacts are found."""
    key = MappedProperty(CONTACT_KEY, "Customer id", "string", "text", column="contact_id")
    return {**key.definition(), "hasUniqueValue": True}


def values(scores: pl.LazyFrame) -> pl.LazyFrame:
    """Scores to the texts that are sent, and their fingerprint.

    Args:
        scores: `predictions/lead_scores`.

    Returns:
        `contact_id`, the columns of `SENT` (String, empty where a value is missing) and
        `fingerprint` (String).
    """
    cleared = (pl.col(name).fill_null("") for name in SENT)
    return texts(scores).with_columns(cleared).with_columns(fingerprint=fingerprint())


def texts(scores: pl.LazyFrame, mapping: Sequence[MappedProperty] = MAPPING) -> pl.LazyFrame:
    """Scores to the texts that are sent, before any null policy.

    Args:
        scores: `predictions/lead_scores`.
        mapping: What is sent of them.

    Returns:
        `contact_id` and the columns of `SENT` (String, null where a value is missing).
    """
    return scores.select("contact_id", *(_text(each) for each in mapping if each.column))


def fingerprint() -> pl.Expr:
    """What makes an update worth sending, of the columns of `SENT`.

    The values themselves, not a hash of them: exact, readable, and stable between versions.
    """
    return pl.concat_str(MEANINGFUL, separator=" | ")


def is_same_value(name: str, sent: str, held: str | None) -> bool:
    """Whether the CRM holds what was sent, in its own way of writing it.

    Args:
        name: One of `SENT`.
        sent: The text that was sent; empty clears the property.
        held: The text that the CRM answers; none if the property is not set.
    """
    if sent == (held or ""):
        return True
    if not sent or not held:
        return False
    if _KINDS[name] == "number":
        return _number(held) == float(sent)
    if _KINDS[name] == "date":  # a day, or that day's midnight as a moment or in milliseconds
        return _day(held) == sent
    return False


def _text(mapped: MappedProperty) -> pl.Expr:
    column = pl.col(str(mapped.column))
    if mapped.kind == "number":
        rounded = column.round(mapped.decimals)
        column = rounded if mapped.decimals else rounded.cast(pl.Int64)
    if mapped.kind == "date":
        return column.dt.strftime("%Y-%m-%d").alias(mapped.name)
    return column.cast(pl.String).alias(mapped.name)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _day(text: str) -> str | None:
    try:
        if text.isdecimal():
            moment = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{moment:%Y-%m-%d}" if moment.time() == time.min else None
