"""Stand-ins for the systems around the pipeline: an invented company, and its contacts in a CRM."""

from datetime import datetime
from pathlib import Path

import click

from de_assets.commands.common import DAY, explained, settings_of_the_environment


@click.group()
def sandbox() -> None:
    """Stand-ins for the systems around the pipeline."""


@sandbox.command("company")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=20, show_default=True)
@click.option("--contacts", default=1500, show_default=True)
@click.option("--events-per-day", default=700, show_default=True)
@click.option("--start", type=DAY, default="2024-09-02", show_default=True)
@click.option("--end", type=DAY, default="2025-06-28", show_default=True)
@explained
def sandbox_company(
    directory: Path, seed: int, contacts: int, events_per_day: int, start: datetime, end: datetime
) -> None:
    """Write the files of an invented company into DIRECTORY."""
    from de_assets.sandbox.company import Company, write_company

    company = Company(
        seed=seed,
        contacts=contacts,
        events_per_day=events_per_day,
        start=start.date(),
        end=end.date(),
    )
    written = write_company(company, directory)
    click.echo(
        f"{written.orders.lines:,} order lines, {written.events.events:,} events and "
        f"{written.products.products:,} products in {directory} ({written.size_bytes / 1e6:.1f} MB)"
    )


@sandbox.command("stand-in")
@click.option("--sources", help="The sources file (default: DE_ASSETS_SOURCES).")
@explained
def sandbox_stand_in(sources: str | None) -> None:
    """Create a contact in the mock CRM for each customer of the order lines."""
    from de_assets.deployment import Deployment
    from de_assets.sandbox.stand_in import stand_in_contacts

    catalog = Deployment(settings_of_the_environment(DE_ASSETS_SOURCES=sources)).catalog
    click.echo(f"{stand_in_contacts(catalog):,} contacts created at {catalog.crm_url}")
