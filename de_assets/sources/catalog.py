"""The sources of one deployment, opened: which client reads which table, and how it is written.

Built once from the sources file and the settings; the raw assets, the sensor and `doctor` ask here.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from de_assets.contracts.source_tables import SOURCE_TABLES
from de_assets.crm.client import CrmClient
from de_assets.errors import SourcesError
from de_assets.settings import Settings
from de_assets.sources.config import Sources
from de_assets.sources.crm_contacts import PROPERTIES
from de_assets.sources.files import FileSource
from de_assets.storage.objects import ObjectStore
from de_assets.storage.s3 import S3Options
from de_assets.transforms.typing import Dialect


@dataclass(frozen=True)
class SourceCatalog:
    """The declared sources with what is needed to read them."""

    sources: Sources
    settings: Settings
    s3: S3Options
    objects: ObjectStore
    _opened: dict[str, FileSource] = field(default_factory=dict)

    def files(self, table: str) -> FileSource | None:
        """The files of a source table; None if it is left out, or is not delivered as files."""
        source = self.sources.of_table(table)
        if source is None or not source.is_files:
            return None
        if table not in self._opened:
            self._opened[table] = FileSource(
                SOURCE_TABLES[table],
                source,
                s3=self.s3,
                index_store=self.objects,
                index_key=f"raw/_deliveries/{table}.json",
                calendar=self.sources.calendar,
            )
        return self._opened[table]

    @property
    def crm_url(self) -> str | None:
        """The CRM's address: `CRM_BASE_URL`, else the contacts' url if that is a CRM; or none."""
        contacts = self.sources.contacts
        if self.settings.crm_base_url:
            return self.settings.crm_base_url
        if contacts is not None and not contacts.is_files:
            return contacts.url
        return None

    def crm(self) -> CrmClient:
        """A new client of the CRM.

        Raises:
            SourcesError: no CRM is declared.
        """
        if self.crm_url is None:
            raise SourcesError(
                "no CRM is declared",
                where="contacts.url of the sources file, CRM_BASE_URL",
                fix="set one of them to the CRM's address",
            )
        return CrmClient(self.crm_url, self.settings.crm_access_token.get_secret_value())

    def has_crm_contacts(self) -> bool:
        """Whether contacts are read from the CRM."""
        contacts = self.sources.contacts
        return contacts is not None and not contacts.is_files

    def contact_properties(self) -> dict[str, str]:
        """Our contact columns and the CRM's properties that fill them."""
        contacts = self.sources.contacts
        mapped = {} if contacts is None else {k: v[0] for k, v in contacts.columns.items()}
        return PROPERTIES | mapped

    def dialect(self, table: str) -> Dialect:
        """How the supplier of a table writes values."""
        source = self.sources.of_table(table)
        if source is None:
            return Dialect()
        lines = self.sources.order_lines
        prefix = lines.cancellation.order_id_prefix if lines and lines.cancellation else None
        return Dialect(
            datetime_formats=source.datetime_format,
            decimal=source.decimal,
            thousands=source.thousands,
            null_values=source.null_values,
            cancellation_prefix=prefix if table == "order_lines" else None,
        )

    def describe(self, table: str) -> str:
        """Where a table comes from, in words fit for a page that anybody may read."""
        source = self.sources.of_table(table)
        if source is None:
            return "Left out of the sources file: the table stays empty."
        if not source.is_files:
            return f"The CRM at {urlsplit(self.crm_url or source.url).netloc}."
        return f"Files at `{source.url}`."
