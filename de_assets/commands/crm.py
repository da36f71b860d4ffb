"""The CRM: serve the mock, and say what was sent to it and what it rejects."""

from pathlib import Path

import click
import polars as pl

from de_assets.commands.common import explained, settings_of_the_environment

DESTINATION = click.option(
    "--destination", default="crm", show_default=True, help="Whose ledger is read."
)


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8090, show_default=True)
@click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="SQLite file.")
@click.pass_context
@explained
def crm(context: click.Context, host: str, port: int, database: Path | None) -> None:
    """Serve the mock CRM: its API and a page with the ranked leads.

    With a command: look at what a CRM was sent.
    """
    if context.invoked_subcommand is not None:
        return
    from de_assets.crm.mock import serve

    settings = settings_of_the_environment()
    file = database or settings.state / "crm.db"
    file.parent.mkdir(parents=True, exist_ok=True)
    click.echo(f"Mock CRM on http://{host}:{port} (contacts in {file}). Stop with Ctrl-C.")
    serve(file, settings.crm_access_token.get_secret_value(), host=host, port=port)


@crm.command()
@click.argument("contact")
@DESTINATION
@explained
def history(contact: str, destination: str) -> None:
    """What was sent to CONTACT (a contact id): when, of which day, by which model and run."""
    from de_assets.crm.ledger import Ledger
    from de_assets.deployment import Deployment

    ledger = Ledger(Deployment(settings_of_the_environment()).lake.objects, destination)
    sent = ledger.sent_to(contact)
    for row in sent.iter_rows(named=True):
        click.echo(
            f"{row['sent_at'][:19]}  day {row['lead_scored_at']}  "
            f"score {row['lead_score'] or 'cleared'} {row['lead_grade']} "
            f"({row['lead_score_trend'] or 'no trend'})  model {row['lead_score_model_version']}  "
            f"run {row['run_id']}"
        )
        if row["lead_score_reasons"]:
            click.echo(f"{'':21}{row['lead_score_reasons']}")
    if sent.is_empty():
        click.echo("Nothing that was sent to this contact was acknowledged.")
    newest = ledger.read().filter(pl.col("fingerprint").is_null(), contact_id=contact)
    if not newest.is_empty():
        day = newest["confirmed_for"][0]
        click.echo(
            f"In doubt since day {day}: the next write-back sends it again, since nobody knows "
            "which values arrived."
        )
    for row in ledger.rejects.read().filter(contact_id=contact).iter_rows(named=True):
        click.echo(f"Rejected: {_reject(row)}")


@crm.command()
@DESTINATION
@click.option("--unpark", is_flag=True, help="Have parked rows sent again by the next write-back.")
@explained
def rejects(destination: str, *, unpark: bool) -> None:
    """The rows that stand rejected: sent again until they are accepted, or parked."""
    from de_assets.crm.ledger import Ledger
    from de_assets.deployment import Deployment

    ledger = Ledger(Deployment(settings_of_the_environment()).lake.objects, destination)
    if unpark:
        click.echo(f"unparked: {ledger.rejects.unpark():,}")
        return
    standing = ledger.rejects.read()
    for row in standing.iter_rows(named=True):
        click.echo(f"{row['contact_id']:<24}{_reject(row)}")
    click.echo(f"{standing.height:,} rejected, {standing['is_parked'].sum():,} of them parked")


def _reject(row: dict[str, object]) -> str:
    noun = "attempt" if row["attempts"] == 1 else "attempts"
    parked = ", parked" if row["is_parked"] else ""
    return (
        f"{row['code']} ({row['reason']}), {row['attempts']} {noun} from {row['first_day']} to "
        f"{row['last_day']}{parked}"
    )
