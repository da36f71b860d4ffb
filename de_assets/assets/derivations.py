"""Every table that is made of other tables, and how: one list for assets, lineage and docs."""

from collections.abc import Mapping
from datetime import date

from de_assets.assets.cleaned import cleanings
from de_assets.assets.crm import plan_derivation
from de_assets.assets.derivation import Derivation
from de_assets.assets.features import feature_derivations
from de_assets.assets.identity import identity_derivation
from de_assets.assets.modeled import modeled_derivations
from de_assets.assets.predictions import score_derivation
from de_assets.sources.write_back import WriteBack
from de_assets.transforms.tokens import TokenKey
from de_assets.transforms.typing import Dialect


def all_derivations(
    dialects: Mapping[str, Dialect],
    token_key: TokenKey,
    start: date,
    horizon_days: int,
    write_back: WriteBack,
) -> dict[str, Derivation]:
    """How each table is made, by its key, in the order of the lifecycle.

    Args:
        dialects: How each source table's supplier writes values, by the table's name.
        token_key: The key of the tokens.
        start: First day of the calendar.
        horizon_days: Days after a snapshot in which an order counts.
        write_back: How the sync plan is made.
    """
    cleaned = [each.derivations() for each in cleanings(dialects, token_key)]
    listed = [
        *(of_cleaned for of_cleaned, _ in cleaned),
        *(of_quarantine for _, of_quarantine in cleaned),
        identity_derivation(dialects["contacts"]),
        *modeled_derivations(),
        *feature_derivations(start, horizon_days),
        score_derivation(),
        plan_derivation(write_back),
    ]
    return {derivation.key: derivation for derivation in listed}
