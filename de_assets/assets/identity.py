"""Who the contacts are, encrypted under a key of each: the asset `identity/contacts`."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import (
    IO_MANAGER,
    asset_facts,
    asset_in,
    check_specs,
    lake_of,
    lineage_metadata,
    run_days,
)
from de_assets.assets.derivation import Derivation, Upstream
from de_assets.assets.publish import Publisher
from de_assets.contracts.identity import IdentityContacts
from de_assets.contracts.source_tables import CONTACTS
from de_assets.partitions import passes
from de_assets.privacy.identity import SubjectKeys, encrypt_rows
from de_assets.privacy.keys import Keyring
from de_assets.storage.table_io_manager import LakeTable
from de_assets.transforms.identities import identities
from de_assets.transforms.typing import Dialect


def identity_derivation(dialect: Dialect) -> Derivation:
    """How the identity table is made, as far as it can be read: the asset encrypts the result."""
    return Derivation(
        IdentityContacts,
        partial(identities, dialect=dialect),
        {"raw": Upstream("raw/contacts")},
        "Who the contacts are. Each row is encrypted under a key of its person; whoever is erased "
        "loses that key, and all copies of the row become unreadable.",
    )


def identity_asset(
    dialect: Dialect, keyring: Keyring, daily: dg.PartitionsDefinition
) -> dg.AssetsDefinition:
    """The asset `identity/contacts`.

    Args:
        dialect: How the supplier of the contacts writes values.
        keyring: What the keys of people are wrapped under.
        daily: The calendar.
    """
    derivation = identity_derivation(dialect)

    @dg.asset(
        **asset_facts(IdentityContacts, ("polars",)),
        partitions_def=daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=derivation.code_version,
        description=derivation.description,
        io_manager_key=IO_MANAGER,
        required_resource_keys={IO_MANAGER},
        check_specs=check_specs(IdentityContacts),
        ins={"raw": asset_in(derivation.upstreams["raw"], daily)},
    )
    def identity_contacts(context: dg.AssetExecutionContext, raw: LakeTable) -> Iterator[Any]:
        publisher = Publisher(context, IdentityContacts, lake_of(context))
        subject_keys = SubjectKeys(publisher.lake.objects, keyring)
        nobodys = 0
        for days in passes(run_days(context) or [], raw.sizes()):
            started = time.perf_counter()
            rows = derivation.transform(raw.between(days[0], days[-1])).collect()
            people = rows.filter(pl.col("contact_id").is_not_null())
            nobodys += rows.height - people.height
            keys = subject_keys.ensure(people["contact_id"].unique())
            encrypted = encrypt_rows(people, keys, derivation.key, CONTACTS.direct_identifiers)
            publisher.spent(time.perf_counter() - started, days)
            publisher.publish(encrypted, days)
        context.add_asset_metadata({"rows_without_a_contact": nobodys})
        publisher.add_metadata(lineage_metadata(derivation, context))
        yield from publisher.check_results()
        yield from publisher.fail_if_blocked()
        yield publisher.output()

    return identity_contacts
