"""The star schema and the daily rollup. The rules are in `transforms`; here is what reads what."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from de_assets.assets.declare import Upstream, table_asset
from de_assets.contracts.modeled import (
    ContactDaily,
    DimContact,
    DimProduct,
    FctOrderLine,
    FctSession,
)
from de_assets.transforms.contacts import roll_up_contacts, track_contacts
from de_assets.transforms.orders import (
    CANCELLATION_LOOK_BACK_DAYS,
    describe_products,
    match_cancellations,
)
from de_assets.transforms.sessions import make_sessions


def modeled_assets(daily: dg.DailyPartitionsDefinition) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `modeled`."""

    @table_asset(
        DimContact,
        partitions=None,
        code_version="1",
        contacts=Upstream("cleaned/contacts"),
        order_lines=Upstream("cleaned/order_lines"),
        events=Upstream("cleaned/events"),
    )
    def dim_contact(
        contacts: pl.LazyFrame, order_lines: pl.LazyFrame, events: pl.LazyFrame
    ) -> pl.LazyFrame:
        """Every contact, from the CRM or from what it did, with the history of its attributes."""
        return track_contacts(contacts, order_lines, events)

    @table_asset(
        DimProduct,
        partitions=None,
        code_version="1",
        products=Upstream("cleaned/products"),
        order_lines=Upstream("cleaned/order_lines"),
    )
    def dim_product(products: pl.LazyFrame, order_lines: pl.LazyFrame) -> pl.LazyFrame:
        """Every product of the catalogue, and every other one that was sold."""
        return describe_products(products, order_lines)

    @table_asset(
        FctOrderLine,
        partitions=daily,
        code_version="1",
        order_lines=Upstream("cleaned/order_lines", look_back_days=CANCELLATION_LOOK_BACK_DAYS),
    )
    def fct_order_line(order_lines: pl.LazyFrame) -> pl.LazyFrame:
        """Order lines with revenue; each cancellation with the purchase that it takes back."""
        return match_cancellations(order_lines)

    @table_asset(FctSession, partitions=daily, code_version="1", events=Upstream("cleaned/events"))
    def fct_session(events: pl.LazyFrame) -> pl.LazyFrame:
        """Runs of events of one visitor without a long pause."""
        return make_sessions(events)

    @table_asset(
        ContactDaily,
        partitions=daily,
        code_version="1",
        order_lines=Upstream("modeled/fct_order_line"),
        sessions=Upstream("modeled/fct_session"),
    )
    def contact_daily(order_lines: pl.LazyFrame, sessions: pl.LazyFrame) -> pl.LazyFrame:
        """What each contact did on each day: the rollup that features are made of."""
        return roll_up_contacts(order_lines, sessions)

    return [dim_contact, dim_product, fct_order_line, fct_session, contact_daily]
