"""The contact properties that a write-back owns: their definitions and their values.

The only place that knows how a score looks inside the CRM. Nothing else in the CRM is ever written.
"""

from datetime import UTC, datetime, time
from typing import Any

import polars as pl

from de_assets.contracts.features import GRADES, TRENDS

GROUP = "contactinformation"
CONTACT_KEY = "customer_id"  # the CRM's unique property that holds our contact_id

# What makes an update worth sending. The model's version and the day are not among them: a new day
# with the same score, grade, reasons and trend changes nothing for a sales person.
MEANINGFUL = ("lead_score", "lead_grade", "lead_score_reasons", "lead_score_trend")
SENT = (*MEANINGFUL, "lead_score_model_version", "lead_scored_at")


def definitions() -> list[dict[str, Any]]:
    """The properties as the CRM's API takes them."""
    return [
        _property("lead_score", "Lead score", "number", "number"),
        _property("lead_grade", "Lead grade", "enumeration", "select", GRADES),
        _property("lead_score_reasons", "Lead score reasons", "string", "textarea"),
        _property("lead_score_trend", "Lead score trend", "enumeration", "select", TRENDS),
        _property("lead_score_model_version", "Lead score model version", "string", "text"),
        _property("lead_scored_at", "Lead scored at", "date", "date"),
        _property("lead_score_run_id", "Lead score run", "string", "text"),
    ]


def contact_key_definition() -> dict[str, Any]:
    """The unique property by which our contacts are found."""
    definition = _property(CONTACT_KEY, "Customer id", "string", "text")
    return {**definition, "hasUniqueValue": True}


def values(scores: pl.LazyFrame) -> pl.LazyFrame:
    """Scores to the texts that are sent, and their fingerprint.

    Args:
        scores: `predictions/lead_scores`.

    Returns:
        `contact_id`, the columns of `SENT` (String) and `fingerprint` (String).
    """
    texts = scores.select(
        "contact_id",
        lead_score=pl.col("score").cast(pl.String),
        lead_grade="grade",
        lead_score_reasons=pl.col("reasons").fill_null(""),
        lead_score_trend="trend",
        lead_score_model_version="model_version",
        lead_scored_at=pl.col("scored_for").dt.strftime("%Y-%m-%d"),
    )
    # The values themselves, not a hash of them: exact, readable, and stable between versions.
    return texts.with_columns(fingerprint=pl.concat_str(MEANINGFUL, separator=" | "))


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
    if name == "lead_score":
        return _number(held) == float(sent)
    if name == "lead_scored_at":  # a day, or that day's midnight as a moment or in milliseconds
        return _day(held) == sent
    return False


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


def _property(
    name: str, label: str, kind: str, field: str, options: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "groupName": GROUP,
        "type": kind,
        "fieldType": field,
        "options": [
            {"label": option, "value": option, "displayOrder": place, "hidden": False}
            for place, option in enumerate(options)
        ],
    }
