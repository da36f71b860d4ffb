"""Erase a person."""

import click

from de_assets.commands.common import explained, settings_of_the_environment

# What the law gives as grounds, in a word each; a free text would carry values into the audit log.
REASONS = ("request", "consent", "objection", "unlawful", "obligation", "other")


@click.command()
@click.argument("contact")
@click.option(
    "--reason", type=click.Choice(REASONS), default="request", show_default=True, help="Why."
)
@click.option("--actor", help="Who does it, for the audit log (default: user@host).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@explained
def erase(contact: str, reason: str, actor: str | None, *, yes: bool) -> None:
    """Erase CONTACT, a contact id or an e-mail address, from the lake and from the CRM.

    It cannot be undone. If it is interrupted, run it again; docs/privacy.md says what it does.
    """
    from de_assets.deployment import Deployment
    from de_assets.privacy.landing import files_holding

    if not yes:
        click.confirm("Erase this person for good, here and in the CRM?", abort=True)
    deployment = Deployment(settings_of_the_environment())
    receipt = deployment.eraser(actor=actor, say=click.echo).erase(contact, reason)
    if receipt.was_erased_before:
        click.echo("This person was erased before; what came back since is erased too.")
    for name, count in receipt.counts.items():
        click.echo(f"  {name:<40}{count:>9,}")
    click.echo(f"audit log entry {receipt.entry}, head: {receipt.head}")
    click.echo("Looking for the person in the landing, which is not ours to change ...")
    holding = list(files_holding(deployment.catalog, receipt.person))
    for file in holding:
        click.echo(f"  {file.table}: {file.key}: {file.rows:,} rows")
    if holding:
        click.echo(
            f"Tell the owners of these {len(holding):,} files. As long as they lie there, the "
            "tombstone keeps the person out of the lake."
        )
    click.echo("Not covered: backups, and what others copied. See docs/privacy.md.")
