"""Look at incidents and take them on: `de-assets incidents`."""

import getpass
import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import click

from de_assets.commands.common import explained, settings_of_the_environment
from de_assets.incidents.history import IncidentHistory
from de_assets.incidents.incident import Incident
from de_assets.incidents.message import days_of
from de_assets.storage.objects import open_store
from de_assets.storage.s3 import S3Options


@click.group(invoke_without_command=True)
@click.option("--all", "is_all", is_flag=True, help="Those that are over, too.")
@click.option("--json", "is_json", is_flag=True, help="As a JSON list.")
@click.pass_context
@explained
def incidents(context: click.Context, is_all: bool, is_json: bool) -> None:  # noqa: FBT001  click's
    """List what fails and is not mended yet, the newest last."""
    if context.invoked_subcommand is not None:
        return
    found = [i for i in _history().read().incidents if is_all or not i.is_over]
    if is_json:
        click.echo(json.dumps([_facts(incident) for incident in found], indent=1))
        return
    for incident in found:
        click.secho(_line(incident), fg=_colour(incident))
    if not found:
        click.echo("No incidents." if is_all else "No open incidents.")


@incidents.command()
@click.argument("incident_id", metavar="ID")
@click.option("--by", default=getpass.getuser, help="Who takes it on (default: you).")
@explained
def acknowledge(incident_id: str, by: str) -> None:
    """Say that somebody works on an incident; the beginning of its ID is enough."""
    incident = _history().acknowledge(incident_id, by, datetime.now(UTC))
    click.echo(f"{_line(incident)}\nacknowledged by {by}; what to do: {incident.runbook}")


@incidents.command()
@click.argument("incident_id", metavar="ID")
@explained
def show(incident_id: str) -> None:
    """Everything that is known of one incident; the beginning of its ID is enough."""
    for name, value in _facts(_history().read().find(incident_id)).items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if text not in (None, ""):
            click.echo(f"{name + ':':<17}{text}")


def _history() -> IncidentHistory:
    settings = settings_of_the_environment()
    return IncidentHistory(open_store(settings.lake, S3Options(settings.s3)))


def _line(incident: Incident) -> str:
    where = f"{incident.asset} {incident.check} {days_of(incident)}"
    return (
        f"{incident.incident_id}  {incident.state:<12} {incident.severity:<5} "
        f"{incident.opened_at:%Y-%m-%d %H:%M}  {where}"
        + (f": {incident.text}" * bool(incident.text))
    )


def _colour(incident: Incident) -> str | None:
    if incident.is_over:
        return None
    return "red" if incident.severity == "error" else "yellow"


def _facts(incident: Incident) -> dict[str, Any]:
    """The incident as JSON takes it."""
    facts = asdict(incident)
    waiting = {pending.channel for pending in incident.pending}
    facts["pending"] = sorted(waiting)
    facts["failing_days"] = [str(day) for day in incident.failing_days]
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in facts.items()
    }
