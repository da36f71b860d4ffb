"""`de-assets lineage`: what a column is made of, and what reads it."""

import click

from de_assets.commands.common import explained, settings_of_the_environment


@click.command()
@click.argument("column")
@click.option("--sources", help="The sources file (default: DE_ASSETS_SOURCES).")
@explained
def lineage(column: str, sources: str | None) -> None:
    """Show what COLUMN is made of, and what reads it.

    COLUMN is `stage/entity.column`, such as cleaned/order_lines.quantity. A column's name alone
    lists the tables that have it; a table alone (`stage/entity`) shows all of its columns. Nothing
    needs to have been materialized.
    """
    from de_assets.assets.lineage_text import lines_about
    from de_assets.deployment import Deployment

    graph = Deployment(settings_of_the_environment(DE_ASSETS_SOURCES=sources)).lineage()
    for line in lines_about(graph, column):
        click.echo(line)
