"""The star schema and the daily rollup. The rules are in `transforms`; here is what reads what."""

from collections.abc import Sequence

from de_assets.assets.derivation import Derivation, Upstream
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


def modeled_derivations() -> Sequence[Derivation]:
    """The tables of stage `modeled`."""
    return [
        Derivation(
            DimContact,
            track_contacts,
            {
                "contacts": Upstream("cleaned/contacts"),
                "order_lines": Upstream("cleaned/order_lines"),
                "events": Upstream("cleaned/events"),
            },
            "Every contact, from the CRM or from what it did, with the history of its attributes.",
        ),
        Derivation(
            DimProduct,
            describe_products,
            {
                "products": Upstream("cleaned/products"),
                "order_lines": Upstream("cleaned/order_lines"),
            },
            "Every product of the catalogue, and every other one that was sold.",
        ),
        Derivation(
            FctOrderLine,
            match_cancellations,
            {
                "order_lines": Upstream(
                    "cleaned/order_lines", look_back_days=CANCELLATION_LOOK_BACK_DAYS
                )
            },
            "Order lines with revenue; each cancellation with the purchase that it takes back.",
        ),
        Derivation(
            FctSession,
            make_sessions,
            {"events": Upstream("cleaned/events")},
            "Runs of events of one visitor without a long pause.",
        ),
        Derivation(
            ContactDaily,
            roll_up_contacts,
            {
                "order_lines": Upstream("modeled/fct_order_line"),
                "sessions": Upstream("modeled/fct_session"),
            },
            "What each contact did on each day: the rollup that features are made of.",
        ),
    ]
