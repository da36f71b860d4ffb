"""Every table of the lake by its asset key: the one list that storage, docs and tests go by."""

from de_assets.contracts.base import Contract, table_info
from de_assets.contracts.cleaned import (
    CleanedContacts,
    CleanedEvents,
    CleanedOrderLines,
    CleanedProducts,
)
from de_assets.contracts.crm import Receipts, Reconciliation, SyncPlan
from de_assets.contracts.features import ContactFeatures, LeadScores, TrainingSet
from de_assets.contracts.identity import IdentityContacts
from de_assets.contracts.modeled import (
    ContactDaily,
    DimContact,
    DimProduct,
    FctOrderLine,
    FctSession,
)
from de_assets.contracts.raw import QUARANTINE, RAW

_ALL: tuple[type[Contract], ...] = (
    *RAW.values(),
    CleanedOrderLines,
    CleanedEvents,
    CleanedProducts,
    CleanedContacts,
    *QUARANTINE.values(),
    IdentityContacts,
    DimContact,
    DimProduct,
    FctOrderLine,
    FctSession,
    ContactDaily,
    ContactFeatures,
    TrainingSet,
    LeadScores,
    SyncPlan,
    Receipts,
    Reconciliation,
)
TABLES: dict[str, type[Contract]] = {table_info(contract).key: contract for contract in _ALL}
