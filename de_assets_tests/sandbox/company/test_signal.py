"""What a model can find in the delivered files: something, and not too much."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from de_assets.sandbox.company import contacts

from .conftest import Delivered

HORIZON_DAYS = 30
LONG_AGO = 400.0
CATEGORIES = ["channel", "country"]
PURCHASES = ["recency", "orders", "orders_90d", "age"]


@pytest.fixture(scope="module")
def order_days(sales: pl.DataFrame) -> pl.DataFrame:
    return (
        sales.filter((pl.col("qty") > 0) & pl.col("customer").is_not_null())
        .select(contact_id="customer", day=pl.col("ordered").dt.date(), order="order_no")
        .unique()
    )


@pytest.fixture(scope="module")
def event_days(delivered: Delivered) -> pl.DataFrame:
    return delivered.events.select(
        "type",
        contact_id="customer",
        day=pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", strict=False).dt.date(),
    ).drop_nulls()


def snapshot(
    delivered: Delivered, order_days: pl.DataFrame, event_days: pl.DataFrame, day: date
) -> pl.DataFrame:
    """One row a contact known on the day: what was known then, and `label`."""
    known = contacts(delivered.company).filter(pl.col("created_at").dt.date() <= day)
    past, seen = pl.col("day") <= day, event_days.filter(pl.col("day") <= day)
    age_days = (pl.lit(day) - pl.col("day")).dt.total_days()
    frame = known.select(
        "contact_id", "channel", "country",
        age=(pl.lit(day) - pl.col("created_at").dt.date()).dt.total_days().log1p(),
    ).join(
        order_days.filter(past).group_by("contact_id").agg(
            recency=age_days.min(), orders=pl.len().log1p(),
            orders_90d=(age_days < 90).sum().log1p(),
        ),
        on="contact_id", how="left",
    ).join(
        seen.group_by("contact_id").agg(
            last_seen=age_days.min(),
            **{
                f"{kind}_{window}d": ((pl.col("type") == kind) & (age_days < window)).sum().log1p()
                for kind in ("view", "cart", "email_open", "form")
                for window in (7, 30)
            },
        ),
        on="contact_id", how="left",
    )  # fmt: skip
    coming = order_days.filter(~past & (pl.col("day") <= day + timedelta(days=HORIZON_DAYS)))
    return frame.with_columns(
        pl.col("recency", "last_seen").fill_null(LONG_AGO).log1p(),
        label=pl.col("contact_id").is_in(coming["contact_id"].unique().implode()),
    ).fill_null(0)


@pytest.fixture(scope="module")
def snapshots(delivered: Delivered, order_days: pl.DataFrame, event_days: pl.DataFrame):
    """Training snapshots, matured before the first test snapshot, and test snapshots."""
    last = delivered.company.end - timedelta(days=HORIZON_DAYS)
    tests = [last - timedelta(days=30 * n) for n in range(3)]
    newest = tests[-1] - timedelta(days=HORIZON_DAYS)
    train = [newest - timedelta(days=20 * n) for n in range(6)]
    return (
        pl.concat([snapshot(delivered, order_days, event_days, day) for day in train]),
        [snapshot(delivered, order_days, event_days, day) for day in tests],
    )


def auc(snapshots, columns: list[str]) -> float:
    """Mean AUC over the test snapshots of a logistic regression on these columns."""
    train, tests = snapshots
    names = [name for name in columns if name in CATEGORIES]
    numbers = [name for name in columns if name not in CATEGORIES]
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), names), (StandardScaler(), numbers)
        ),
        LogisticRegression(C=0.2, max_iter=500),
    )
    model.fit(train.select(columns), train["label"])
    return float(
        np.mean(
            [roc_auc_score(t["label"], model.predict_proba(t.select(columns))[:, 1]) for t in tests]
        )
    )


def test_who_buys_next_can_be_ranked_but_not_known(snapshots):
    train, tests = snapshots
    everything = [name for name in train.columns if name not in ("contact_id", "label")]

    with_all = auc(snapshots, everything)
    with_purchases = auc(snapshots, PURCHASES)

    assert 0.78 < with_all < 0.88
    assert 0.72 < with_purchases < with_all
    assert 0.10 < np.mean([t["label"].mean() for t in tests]) < 0.30


def test_events_tell_something_alone_and_about_leads(snapshots):
    train, tests = snapshots
    behaviour = [name for name in train.columns if name.endswith(("_7d", "_30d", "last_seen"))]
    leads = train.filter(pl.col("orders") == 0), [t.filter(pl.col("orders") == 0) for t in tests]

    assert 0.60 < auc(snapshots, behaviour) < 0.85
    assert 0.60 < auc(leads, [*behaviour, "age", *CATEGORIES]) < 0.92


def test_visits_rise_before_an_order_and_many_lead_nowhere(
    order_days: pl.DataFrame, event_days: pl.DataFrame
):
    carts = event_days.filter(pl.col("type").is_in(["view", "cart"]))
    pairs = order_days.join(carts, on="contact_id", suffix="_event").with_columns(
        before=(pl.col("day") - pl.col("day_event")).dt.total_days()
    )

    near = pairs.filter(pl.col("before").is_between(1, 7)).height
    far = pairs.filter(pl.col("before").is_between(61, 67)).height
    buyers = set(order_days["contact_id"])
    of_leads = carts.filter(~pl.col("contact_id").is_in(list(buyers))).height
    assert 1.5 < near / far < 6
    assert of_leads / carts.height > 0.10


def test_channel_and_country_say_who_becomes_a_customer(
    delivered: Delivered, order_days: pl.DataFrame
):
    known = contacts(delivered.company).with_columns(
        has_bought=pl.col("contact_id").is_in(order_days["contact_id"].unique().implode())
    )
    by_channel = dict(known.group_by("channel").agg(pl.col("has_bought").mean()).iter_rows())
    by_country = dict(known.group_by("country").agg(pl.col("has_bought").mean()).iter_rows())

    assert by_channel["referral"] - by_channel["social"] > 0.10
    assert by_country["Germany"] - by_country["United States"] > 0.10


def test_most_events_name_no_contact_and_contacts_keep_their_browser(delivered: Delivered):
    events = delivered.events
    browsers = events.drop_nulls(["customer", "visitor"]).group_by("visitor")

    assert 0.50 < events["customer"].null_count() / events.height < 0.85
    assert (browsers.agg(pl.col("customer").n_unique())["customer"] == 1).all()
    assert set(events["type"].drop_nulls()) == {
        "view", "cart", "purchase", "email_open", "email_click", "form",
    }  # fmt: skip
    known = browsers.agg().select("visitor")
    of_known = events.join(known, on="visitor", how="semi")
    assert 0.25 < of_known["customer"].null_count() / of_known.height < 0.60
    is_shown = events["type"].is_in(["view", "cart"])
    assert events.filter(is_shown)["sku"].null_count() == 0
