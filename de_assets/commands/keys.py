"""Take a key out of service."""

import click

from de_assets.commands.common import explained, settings_of_the_environment


@click.command("rotate-keys")
@click.option("--actor", help="Who does it, for the audit log (default: user@host).")
@explained
def rotate_keys(actor: str | None) -> None:
    """Move the lake from DE_ASSETS_PII_KEY_PREVIOUS to DE_ASSETS_PII_KEY.

    Stop schedules, sensors and runs before. If it is interrupted, run it again.
    """
    from de_assets.privacy.audit_log import AuditLog, user_at_host
    from de_assets.privacy.keys import Keyring
    from de_assets.privacy.rotation import rotate_keys as rotate
    from de_assets.storage.lake import Lake
    from de_assets.storage.s3 import S3Options

    settings = settings_of_the_environment()
    lake = Lake(settings.lake, S3Options(settings.s3))
    keyring = Keyring.from_settings(settings)
    log = AuditLog(lake.objects, keyring, actor or user_at_host())
    done = rotate(lake, keyring, log, say=click.echo)
    click.echo(
        f"{done.purged_versions:,} older versions of objects removed\n"
        f"audit log head: {done.head}\n"
        f"Done: the lake is under the key {keyring.key_id}. Unset DE_ASSETS_PII_KEY_PREVIOUS, and "
        "destroy the old key."
    )
