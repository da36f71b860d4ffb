"""Remove what is older than its contract allows."""

from collections import Counter

import click

from de_assets.commands.common import explained, settings_of_the_environment


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--actor", help="Who does it, for the audit log (default: user@host).")
@explained
def sweep(actor: str | None, *, dry_run: bool) -> None:
    """Remove partitions and column values that are older than the contracts allow."""
    from de_assets.deployment import Deployment
    from de_assets.privacy.retention import newest_day
    from de_assets.privacy.retention import sweep as swept

    deployment = Deployment(settings_of_the_environment())
    newest = newest_day(deployment.calendar)
    done = swept(deployment.lake, newest, deployment.audit_log(actor), dry_run=dry_run)
    listed = Counter((each.table, ", ".join(each.columns)) for each in done.overdue)
    for (table, columns), days in sorted(listed.items()):
        click.echo(f"  {table:<28}{days:>6,} days  {columns or 'whole partitions'}")
    verb = "would be removed" if dry_run else "removed"
    click.echo(
        f"{sum(listed.values()):,} overdue as of {newest}: {verb}"
        + ("" if dry_run else f", with {done.old_versions:,} old versions of objects")
    )
