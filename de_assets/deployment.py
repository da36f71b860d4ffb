"""What one set of settings names, opened: sources, lake, keys, and what works across them.

`definitions.py` makes Dagster's definitions of it; commands that need no Dagster open it alone.
Opening reads the sources file and nothing else.
"""

from collections.abc import Callable
from functools import cached_property, partial

from de_assets.assets.derivation import Derivation
from de_assets.assets.derivations import all_derivations
from de_assets.assets.lineage import LineageGraph
from de_assets.assets.recompute import recompute
from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.crm.ledger import Ledger
from de_assets.privacy.audit_log import AuditLog, user_at_host
from de_assets.privacy.erasure import Eraser
from de_assets.privacy.find_subject import Finder
from de_assets.privacy.holders import (
    KeysOfPeople,
    LedgerOfTheCrm,
    OldVersions,
    ReceiptsOfDestinations,
    Recomputed,
    RecordsOfTheCrm,
    TablesOfTheLake,
)
from de_assets.privacy.identity import SubjectKeys
from de_assets.privacy.keys import Keyring
from de_assets.privacy.tombstones import Tombstones
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.sources.config import load_sources
from de_assets.storage.lake import Lake
from de_assets.storage.s3 import S3Options
from de_assets.transforms.training import DEFAULT_HORIZON_DAYS
from de_assets.transforms.typing import Dialect


class Deployment:
    """The sources, the lake and the keys that the settings name; nothing is asked yet.

    Raises:
        SourcesError: the sources file that the settings name is missing or wrong.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        s3 = S3Options(settings.s3)
        self.lake = Lake(settings.lake, s3)
        self.catalog = SourceCatalog(
            load_sources(settings.sources), settings, s3, self.lake.objects
        )
        self.calendar = self.catalog.sources.calendar
        self.keyring = Keyring.from_settings(settings)

    @cached_property
    def dialects(self) -> dict[str, Dialect]:
        """How each source table's supplier writes values, by the table's name."""
        return {name: self.catalog.dialect(name) for name in SOURCE_TABLES}

    @cached_property
    def derivations(self) -> dict[str, Derivation]:
        """How each table is made of others, by its key."""
        return all_derivations(
            self.dialects,
            self.token_key,
            self.calendar.start,
            DEFAULT_HORIZON_DAYS,
            self.catalog.sources.write_back,
        )

    def token_key(self) -> bytes:
        """The key of the tokens; asked for when the first token is made."""
        return self.keyring.token_key

    def tombstones(self) -> Tombstones:
        """Who must not come back."""
        return Tombstones(self.lake.objects, self.keyring)

    def lineage(self) -> LineageGraph:
        """Which column comes from which; no rows are read."""
        return LineageGraph(self.derivations)

    def audit_log(self, actor: str | None = None) -> AuditLog:
        """The audit log, for entries of an actor; else the user and the machine."""
        return AuditLog(self.lake.objects, self.keyring, actor or user_at_host())

    def eraser(
        self, *, actor: str | None = None, say: Callable[[str], None] = lambda _: None
    ) -> Eraser:
        """What erases people from the lake and the CRM.

        Args:
            actor: Who erases, for the audit log; else the user and the machine.
            say: Called with each step.
        """
        objects, catalog = self.lake.objects, self.catalog
        tables = TablesOfTheLake(self.lake)
        return Eraser(
            finder=Finder(self.lake, self.keyring),
            tombstones=self.tombstones(),
            tables=tables,
            holders=[
                KeysOfPeople(SubjectKeys(objects, self.keyring)),
                tables,
                Recomputed(partial(recompute, self.lake, self.derivations)),
                LedgerOfTheCrm(Ledger(objects)),
                ReceiptsOfDestinations(self.lake),
                OldVersions(objects),
                RecordsOfTheCrm(
                    catalog.crm if catalog.crm_url else None, catalog.contact_properties()
                ),
            ],
            audit_log=self.audit_log(actor),
            say=say,
        )
