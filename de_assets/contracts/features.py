"""Features, the training set made of them, and the scores: what the model reads and writes."""

import polars as pl

from de_assets.contracts.base import Contract, TableInfo, column, columns, row_rule

GRADES = ("A", "B", "C", "D")
TRENDS = ("up", "steady", "down")
SPLITS = ("train", "calibrate", "test")


class ContactFeatures(Contract):
    """What was known about a contact at the end of a day, and nothing that came later.

    The title of a feature is the plain name that reason codes use.
    """

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    as_of: pl.Date = column("The day at whose end this was known")
    country: pl.String = column("country", pii="quasi", nullable=True)
    channel: pl.String = column("channel of acquisition", nullable=True)
    tenure_days: pl.Float64 = column("days since first seen", ge=0)
    recency_days: pl.Float64 = column("days since the last order", nullable=True, ge=0)
    first_order_age_days: pl.Float64 = column("days since the first order", nullable=True, ge=0)
    orders_7d: pl.Float64 = column("orders in the last 7 days", ge=0)
    orders_30d: pl.Float64 = column("orders in the last 30 days", ge=0)
    orders_90d: pl.Float64 = column("orders in the last 90 days", ge=0)
    orders_365d: pl.Float64 = column("orders in the last year", ge=0)
    orders_730d: pl.Float64 = column("orders in the last two years", ge=0)
    orders_same_month_last_year: pl.Float64 = column("orders in the same weeks last year", ge=0)
    revenue_30d: pl.Float64 = column("order value in the last 30 days", ge=0)
    revenue_90d: pl.Float64 = column("order value in the last 90 days", ge=0)
    revenue_365d: pl.Float64 = column("order value in the last year", ge=0)
    order_value_mean: pl.Float64 = column("mean order value", nullable=True, ge=0)
    products_365d: pl.Float64 = column("different products by order in the last year", ge=0)
    order_gap_mean_days: pl.Float64 = column("mean days between orders", nullable=True, ge=0)
    order_gap_deviation_days: pl.Float64 = column(
        "irregularity of the days between orders", nullable=True, ge=0
    )
    overdue_ratio: pl.Float64 = column(
        "days since the last order, in usual gaps", nullable=True, ge=0
    )
    cancelled_lines_365d: pl.Float64 = column("order lines taken back in the last year", ge=0)
    cancelled_revenue_365d: pl.Float64 = column("order value taken back in the last year", ge=0)
    sessions_7d: pl.Float64 = column("web sessions in the last 7 days", ge=0)
    sessions_30d: pl.Float64 = column("web sessions in the last 30 days", ge=0)
    sessions_90d: pl.Float64 = column("web sessions in the last 90 days", ge=0)
    session_recency_days: pl.Float64 = column("days since the last visit", nullable=True, ge=0)
    views_30d: pl.Float64 = column("pages viewed in the last 30 days", ge=0)
    carts_7d: pl.Float64 = column("products put in the cart in the last 7 days", ge=0)
    carts_30d: pl.Float64 = column("products put in the cart in the last 30 days", ge=0)
    email_opens_90d: pl.Float64 = column("e-mails opened in the last 90 days", ge=0)
    email_clicks_90d: pl.Float64 = column("e-mail links followed in the last 90 days", ge=0)
    forms_90d: pl.Float64 = column("forms sent in the last 90 days", ge=0)
    season_sine: pl.Float64 = column("time of year", watch=False, ge=-1, le=1)
    season_cosine: pl.Float64 = column("time of the year", watch=False, ge=-1, le=1)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "features/contact_features",
                "What was known about each contact at the end of the day",
                "one contact known by the end of the day",
                owner="team:data-science",
                is_daily=True,
                unique_by=("contact_id",),
                retention_days=800,
            )
        }

    windows_are_nested = row_rule(
        "windows_are_nested",
        "A longer window holds what a shorter one holds.",
        (pl.col("orders_7d") <= pl.col("orders_30d"))
        & (pl.col("orders_30d") <= pl.col("orders_90d"))
        & (pl.col("orders_90d") <= pl.col("orders_365d"))
        & (pl.col("orders_365d") <= pl.col("orders_730d")),
    )


def features() -> dict[str, str]:
    """The columns that a model may read, with their plain names."""
    keys = ("contact_id", "as_of")
    return {info.name: info.title for info in columns(ContactFeatures) if info.name not in keys}


class TrainingSet(ContactFeatures):
    """Snapshots whose horizon has passed, with what came of them."""

    is_ordering: pl.Boolean = column("Whether an order came within the horizon")
    split: pl.String = column("Which part of the time line the snapshot is in", isin=SPLITS)

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "features/training_set",
                "Matured snapshots with their label",
                "one contact at one snapshot",
                owner="team:data-science",
                unique_by=("contact_id", "as_of"),
            )
        }


class LeadScores(Contract):
    """How likely each contact orders within the horizon, and why."""

    contact_id: pl.String = column("Our key of the contact", pii="quasi")
    scored_for: pl.Date = column("The day at whose end the features were known")
    probability: pl.Float64 = column("Calibrated probability of an order", ge=0, le=1)
    score: pl.Int32 = column("Probability in percent, rounded", ge=0, le=100)
    grade: pl.String = column("A to D, by declared shares of the contacts", isin=GRADES)
    reasons: pl.String = column("Up to three reasons in plain words", nullable=True)
    trend: pl.String = column("Against a week before, by the same model", isin=TRENDS)
    model_version: pl.String = column("Version of the model that scored")

    class Config:
        """The table."""

        metadata = {
            "table": TableInfo(
                "predictions/lead_scores",
                "Lead scores of the day",
                "one contact",
                owner="team:data-science",
                is_daily=True,
                unique_by=("contact_id",),
                retention_days=800,
            )
        }

    score_is_the_probability = row_rule(
        "score_is_the_probability",
        "The score is the probability in percent.",
        (pl.col("probability") * 100 - pl.col("score")).abs() <= 0.5,
    )
