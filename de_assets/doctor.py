"""Checks what a deployment needs before anything is run: settings, sources, lake and CRM.

Nothing is changed but one probe object in the lake, which is removed again. Secrets and values are
never shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from de_assets.deployment import Deployment
from de_assets.errors import DeAssetsError
from de_assets.settings import Settings
from de_assets.sources.catalog import SourceCatalog
from de_assets.storage.objects import ObjectStore


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what was found."""

    subject: str
    is_well: bool
    text: str


def diagnose(read_settings: Callable[[], Settings]) -> Iterator[Finding]:
    """Look at each part in turn; one that is broken does not keep the others from being seen."""
    try:
        settings = read_settings()
    except DeAssetsError as error:
        yield Finding("settings", is_well=False, text=str(error))
        return
    yield Finding("settings", is_well=True, text=f"environment {settings.environment}")
    try:
        deployment = Deployment(settings)
    except DeAssetsError as error:
        yield Finding("sources file", is_well=False, text=str(error))
        return
    yield Finding("sources file", is_well=True, text=settings.sources)
    catalog, lake = deployment.catalog, deployment.lake
    yield _checked("lake", lambda: _probe(lake.objects))
    for table in ("order_lines", "events", "products", "contacts"):
        yield _checked(f"source {table}", lambda table=table: _look_at(catalog, table))  # type: ignore[misc]
    yield _checked("CRM", lambda: _ask_crm(catalog))


def _checked(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, is_well=True, text=check())
    except DeAssetsError as error:
        return Finding(subject, is_well=False, text=str(error))
    except OSError as error:
        return Finding(
            subject, is_well=False, text=f"{type(error).__name__}: {error.strerror or 'no details'}"
        )


def _probe(objects: ObjectStore) -> str:
    key = "_doctor/probe"
    objects.write(key, datetime.now(UTC).isoformat().encode())
    objects.read(key)
    objects.delete(key)
    return f"{objects.root} can be written and read"


def _look_at(catalog: SourceCatalog, table: str) -> str:
    source = catalog.sources.of_table(table)
    if source is None:
        return "left out of the sources file, hence empty"
    files = catalog.files(table)
    if files is None:
        return f"read from the CRM at {catalog.crm_url}"
    index = files.index()
    broken = [entry for entry in index if entry.problem]
    if broken:
        first = broken[0]
        raise DeAssetsError(
            f"{len(broken)} of {len(index)} files cannot be read, the first: {first.problem}",
            where=first.delivery.key,
            fix=first.fix or "see docs/failure-policy.md",
        )
    rows = sum(entry.rows for entry in index)
    return f"{len(index):,} files, {rows:,} rows"


def _ask_crm(catalog: SourceCatalog) -> str:
    if catalog.crm_url is None:
        return "none is declared; plans are made and not sent"
    with catalog.crm() as client:
        names = client.property_names()
    return f"{catalog.crm_url} answers, {len(names)} contact properties"
