"""Look at the deployment without running anything: the graph, and whether all is well."""

import sys
from pathlib import Path

import click

from de_assets.commands.common import explained, settings_of_the_environment


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@explained
def graph(output: Path) -> None:
    """Draw the asset graph as an SVG file."""
    from de_assets.definitions import build_defs
    from de_assets.graph_picture import draw_graph

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(draw_graph(build_defs(settings_of_the_environment())))
    click.echo(f"{output} written")


@click.command()
def doctor() -> None:
    """Check settings, sources, lake and CRM, each with its fix."""
    from de_assets.doctor import diagnose

    findings = list(diagnose(settings_of_the_environment))
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.is_well else click.style("FAIL", fg="red")
        click.echo(f"{mark} {finding.subject}: {finding.text}")
    sys.exit(0 if all(finding.is_well for finding in findings) else 1)
