"""Run the lifecycle: over a range of days, or the demo; and say what happened."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from de_assets.commands.common import DAY, explained, settings_of_the_environment
from de_assets.commands.quarantine import print_quarantine

MOST_RULES_SHOWN = 3  # of each table; `de-assets quarantine` shows all


@click.command()
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

    _leave_the_telling_to_the_summary()
    settings = settings_of_the_environment(DE_ASSETS_SOURCES=sources, DE_ASSETS_LAKE=lake)
    with open_instance(settings) as instance:
        report = Lifecycle(settings, instance, start.date(), end.date(), say=click.echo).run()
    summary = report.to_json()
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(summary, indent=1) + "\n")
    print_summary(summary)
    sys.exit(1 if report.is_failed else 0)


@click.command()
@explained
def demo() -> None:
    """Run the whole loop on an invented company, with a CRM of its own."""
    from de_assets.sandbox.demo import run_demo

    _leave_the_telling_to_the_summary()
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


def _leave_the_telling_to_the_summary() -> None:
    """Incidents go to the log too, and where nobody set one up Python prints it."""
    logging.getLogger("de_assets").addHandler(logging.NullHandler())


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
    print_quarantine(summary["quarantine"], MOST_RULES_SHOWN)
    if still_open := summary["incidents"]["open"]:
        noun = "incident" if len(still_open) == 1 else "incidents"
        click.echo(f"open    {len(still_open)} {noun}; `de-assets incidents` lists them")
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
