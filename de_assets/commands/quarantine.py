"""Look at quarantine: `de-assets quarantine`; and how a run's summary shows it."""

import json
from typing import Any

import click

from de_assets.commands.common import explained, settings_of_the_environment
from de_assets.contracts.source_tables import SOURCE_TABLES


@click.command()
@click.argument("table", required=False, type=click.Choice(list(SOURCE_TABLES)))
@click.option("--rule", help="Only this rule, by its name.")
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
@explained
def quarantine(table: str | None, rule: str | None, *, is_json: bool) -> None:
    """Show what broke which rule, since when, and where to look, over the whole lake.

    No personal data is shown: examples are the shape of a value (99-aaa), but for small numbers and
    dates. The rows are in quarantine/TABLE of the lake. After the source or the contract is
    mended, materialize cleaned/TABLE again, and they leave.
    """
    from de_assets.assets.quarantine_report import whole_report
    from de_assets.storage.lake import Lake
    from de_assets.storage.s3 import S3Options

    settings = settings_of_the_environment()
    lake = Lake(settings.lake, S3Options(settings.s3))
    found = {
        name: [
            finding.to_json()
            for finding in whole_report(lake, name)
            if rule is None or finding.rule == rule
        ]
        for name in ([table] if table else SOURCE_TABLES)
    }
    if is_json:
        click.echo(json.dumps(found, indent=1))
    elif any(found.values()):
        print_quarantine(found)
    else:
        click.echo("No row is in quarantine." if rule is None else f"No row breaks {rule}.")


def print_quarantine(found: dict[str, list[dict[str, Any]]], most: int | None = None) -> None:
    """Each rule of each table in a line, most rows first.

    Args:
        found: Findings (`Finding.to_json`) by source table.
        most: How many rules of a table are shown; None: all.
    """
    for table, findings in found.items():
        for finding in findings[:most]:
            days = f", {finding['since']} to {finding['until']}" if finding["until"] else ""
            example = f"`{finding['example']}` in " if finding["example"] else ""
            click.echo(
                f"quarantine/{table}: {finding['rule']}: {finding['rows']:,} rows{days}; "
                f"such as {example}{finding['source']} row {finding['source_row']:,}"
            )
        if most is not None and len(findings) > most:
            click.echo(
                f"quarantine/{table}: {len(findings) - most} more rules; "
                f"`de-assets quarantine {table}` shows all"
            )
