"""Order lines to facts and products."""

import polars as pl

from de_assets.contracts.base import polars_schema
from de_assets.contracts.modeled import FctOrderLine
from de_assets.transforms.joins import join_latest_before

# 99 % of the cancellations of a real shop come within 328 days of the purchase.
CANCELLATION_LOOK_BACK_DAYS = 400


def match_cancellations(order_lines: pl.LazyFrame) -> pl.LazyFrame:
    """Order lines to facts with revenue; each cancellation with the purchase that it takes back.

    That is the latest earlier purchase of the same product by the same contact (of several at one
    moment, the one with the last order number); a cancellation of a guest, or of something bought
    before the look-back, matches nothing.

    Args:
        order_lines: `cleaned/order_lines` of the days in question and of
            `CANCELLATION_LOOK_BACK_DAYS` before, with `dt`.

    Returns:
        `modeled/fct_order_line` of all those days, with `dt`.
    """
    facts = order_lines.with_columns(revenue=pl.col("quantity") * pl.col("unit_price"))
    is_matchable = pl.col("is_cancellation") & pl.col("contact_id").is_not_null()
    purchases = (
        facts.filter(is_purchase(), pl.col("contact_id").is_not_null())
        .sort("order_id")
        .select(
            "contact_id",
            "product_id",
            "ordered_at",
            cancelled_order_id="order_id",
            _purchased_at="ordered_at",
            _purchased_on="dt",
        )
    )
    # A pass of many days reads further back than its last day may look.
    is_in_reach = (
        pl.col("dt") - pl.col("_purchased_on")
    ).dt.total_days() <= CANCELLATION_LOOK_BACK_DAYS
    lag = (pl.col("ordered_at") - pl.col("_purchased_at")).dt.total_days().cast(pl.Int32)
    matched = join_latest_before(
        facts.filter(is_matchable), purchases, on="ordered_at", by=["contact_id", "product_id"]
    ).with_columns(
        cancelled_order_id=pl.when(is_in_reach).then("cancelled_order_id"),
        cancellation_lag_days=pl.when(is_in_reach).then(lag),
    )
    rest = facts.filter(~is_matchable).with_columns(
        cancelled_order_id=pl.lit(None, pl.String), cancellation_lag_days=pl.lit(None, pl.Int32)
    )
    return (
        pl.concat([matched.drop("_purchased_at", "_purchased_on"), rest], how="diagonal")
        .select(*polars_schema(FctOrderLine), "dt")
        .sort(
            "ordered_at",
            "order_id",
            "product_id",
            "line_number",
            "quantity",
            "unit_price",
            "contact_id",
        )
    )


def is_purchase() -> pl.Expr:
    """Whether a line is a sale: neither a cancellation nor a correction of the stock."""
    return ~pl.col("is_cancellation") & (pl.col("quantity") > 0)


def describe_products(products: pl.LazyFrame, order_lines: pl.LazyFrame) -> pl.LazyFrame:
    """The catalogue and whatever else was sold to one row a product.

    Args:
        products: `cleaned/products`.
        order_lines: `cleaned/order_lines` of all days, with `dt`.
    """
    name = pl.col("description").drop_nulls()
    sold = order_lines.group_by("product_id").agg(
        # The commonest description; the first in the alphabet where two are as common.
        _name=name.mode().sort().first(),
        _price=pl.col("unit_price").filter(is_purchase()).median(),
        first_ordered_on=pl.col("dt").min(),
    )
    listed = products.with_columns(is_in_catalogue=pl.lit(value=True))
    return (
        listed.join(sold, on="product_id", how="full", coalesce=True)
        .select(
            "product_id",
            pl.coalesce("name", "_name").alias("name"),
            "category",
            pl.coalesce("unit_price", "_price").alias("unit_price"),
            "first_ordered_on",
            pl.col("is_in_catalogue").fill_null(value=False),
        )
        .sort("product_id")
    )
