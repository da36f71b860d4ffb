"""Read the audit log, and see whether anybody tampered with it."""

import sys

import click

from de_assets.commands.common import explained, settings_of_the_environment


@click.command()
@click.option("--contact", help="Show only what was done to this contact id.")
@click.option(
    "--expect-head",
    metavar="DIGEST",
    help="A head that was noted earlier; a log that no longer contains it was cut off.",
)
@explained
def audit(contact: str | None, expect_head: str | None) -> None:
    """Print the audit log and its head; exit 1 if it was tampered with."""
    from de_assets.privacy.audit_log import AuditLog
    from de_assets.privacy.keys import Keyring
    from de_assets.storage.objects import open_store
    from de_assets.storage.s3 import S3Options

    settings = settings_of_the_environment()
    objects = open_store(settings.lake, S3Options(settings.s3))
    log = AuditLog(objects, Keyring.from_settings(settings))
    found = log.verify(expect_head)
    for entry in found.entries if contact is None else log.about(contact, found.entries):
        counts = " ".join(f"{name}={count}" for name, count in entry.details.items())
        click.echo(
            f"{entry.number:>6}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.actor}  {entry.action}  "
            f"{entry.subject or '-'}  {counts}".rstrip()
        )
    click.echo(f"head: {found.head}")
    for problem in found.problems:
        click.secho(f"BROKEN: {problem}", fg="red", err=True)
    if not found.is_intact:
        sys.exit(1)
    click.echo(f"intact: {len(found.entries):,} entries")
