"""The command `de-assets`: what can be done outside the Dagster UI.

Each command parses, calls one function of the package, and prints. Exit status: 0 done, 1 a check
or a step failed, 2 wrong usage or settings.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from dotenv import dotenv_values

from de_assets.errors import DeAssetsError
from de_assets.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
DAY = click.DateTime(formats=["%Y-%m-%d"])


def settings_of_the_environment(**given: str | None) -> Settings:
    """Settings from options that were given, else the environment, else the file `.env`."""
    environ = {k: v for k, v in dotenv_values(".env").items() if v is not None}
    environ |= dict(os.environ)  # noqa: TID251  commands are the other end of the settings
    environ |= {name: value for name, value in given.items() if value is not None}
    return Settings.from_env(environ)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our own errors into their text and exit status 2; no stack trace helps a user there."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except DeAssetsError as error:
            click.secho(f"Error: {error}", fg="red", err=True)
            sys.exit(2)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="de_assets")
def main() -> None:
    """Run the data-engineering lifecycle: sources to CRM and back."""


@main.command()
@click.option("--sources", help="The sources file (default: DE_ASSETS_SOURCES).")
@click.option("--lake", help="A directory or s3://bucket/prefix (default: DE_ASSETS_LAKE).")
@click.option("--start", type=DAY, required=True, help="First day, YYYY-MM-DD.")
@click.option("--end", type=DAY, required=True, help="Last day, included.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
@explained
def run(
    sources: str | None, lake: str | None, start: datetime, end: datetime, json_file: Path | None
) -> None:
    """Run the whole lifecycle over a range of days, in this process."""
    from de_assets.lifecycle import Lifecycle, open_instance

    settings = settings_of_the_environment(DE_ASSETS_SOURCES=sources, DE_ASSETS_LAKE=lake)
    with open_instance(settings) as instance:
        report = Lifecycle(settings, instance, start.date(), end.date(), say=click.echo).run()
    summary = report.to_json()
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(summary, indent=1) + "\n")
    print_summary(summary)
    sys.exit(1 if report.is_failed else 0)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8090, show_default=True)
@click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="SQLite file.")
@explained
def crm(host: str, port: int, database: Path | None) -> None:
    """Serve the mock CRM: its API and a page with the ranked leads."""
    from de_assets.crm.mock import serve

    settings = settings_of_the_environment()
    file = database or settings.state / "crm.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    click.echo(f"Mock CRM on http://{host}:{port} (contacts in {file}). Stop with Ctrl-C.")
    serve(file, settings.crm_access_token.get_secret_value(), host=host, port=port)


@main.group()
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
    from de_assets.definitions import open_catalog
    from de_assets.sandbox.stand_in import stand_in_contacts

    catalog, _ = open_catalog(settings_of_the_environment(DE_ASSETS_SOURCES=sources))
    click.echo(f"{stand_in_contacts(catalog):,} contacts created at {catalog.crm_url}")


@main.command()
@explained
def demo() -> None:
    """Run the whole loop on an invented company, with a CRM of its own."""
    from de_assets.sandbox.demo import run_demo

    settings = settings_of_the_environment(
        DE_ASSETS_SOURCES=str(Path("data/sources/sandbox.yaml").absolute())
    )
    report = run_demo(settings, say=click.echo)
    summary = report.to_json()
    print_summary(summary)
    if report.is_failed:
        sys.exit(1)
    click.echo(
        "\nWhere to look:\n"
        "  make dev                 the Dagster UI on http://127.0.0.1:3000, and the CRM with the\n"
        "                           ranked leads on http://127.0.0.1:8090\n"
        f"  {settings.lake + '/':<24} the tables, as plain Parquet\n"
        "  data/sources/*.yaml      the one file to edit for your own company"
    )


@main.command()
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@explained
def graph(output: Path) -> None:
    """Draw the asset graph as an SVG file."""
    from de_assets.definitions import build_defs
    from de_assets.graph_picture import draw_graph

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(draw_graph(build_defs(settings_of_the_environment())))
    click.echo(f"{output} written")


@main.command()
def doctor() -> None:
    """Check settings, sources, lake and CRM, each with its fix."""
    from de_assets.doctor import diagnose

    findings = list(diagnose(settings_of_the_environment))
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.is_well else click.style("FAIL", fg="red")
        click.echo(f"{mark} {finding.subject}: {finding.text}")
    sys.exit(0 if all(finding.is_well for finding in findings) else 1)


def print_summary(summary: dict[str, Any]) -> None:
    """What a run did, for a person."""
    click.echo(f"\n{'asset':<30}{'rows':>11}{'quarantined':>13}{'duplicates':>12}{'seconds':>9}")
    for key, counts in summary["assets"].items():
        if counts["rows"] or counts["quarantined"]:
            click.echo(
                f"{key:<30}{counts['rows']:>11,}{counts['quarantined']:>13,}"
                f"{counts['duplicates']:>12,}{counts['seconds']:>9.1f}"
            )
    checks, crm_counts, model = summary["checks"], summary["crm"], summary["model"]
    click.echo(
        f"\nchecks  {checks['passed']} passed, {checks['warned']} warned, {checks['failed']} failed"
    )
    for failure in checks["failures"]:
        colour = "yellow" if failure["severity"] == "warn" else "red"
        where = " ".join(filter(None, [failure["asset"], failure["check"], failure["partition"]]))
        click.secho(f"  {failure['severity']}: {where}: {failure['text']}", fg=colour)
    if "auc" in model:
        click.echo(
            f"model   {model['version']}: AUC {model['auc']:.3f} (recency only "
            f"{model['baselines']['recency']['auc']:.3f}), lift at 10 % {model['lift_at_10']:.1f}, "
            f"Brier {model['brier']:.3f} (no skill {model['brier_no_skill']:.3f}), on "
            f"{model['rows']:,} rows from {model['test_from']} to {model['test_to']}"
        )
    else:
        click.echo(f"model   {model.get('state', 'none')}: {model.get('reason', '')}")
    click.echo(
        f"CRM     {crm_counts['planned']:,} planned, {crm_counts['acknowledged']:,} acknowledged, "
        f"{crm_counts['skipped']:,} skipped, {crm_counts['rejected']:,} rejected, "
        f"{crm_counts['blocked']:,} blocked"
    )
    click.echo(
        f"cost    {summary['seconds']:.0f} s, {summary['cpu_seconds']:.0f} CPU s, "
        f"{summary['peak_memory_mb']:,.0f} MB at most"
    )
