"""Keyrings and settings for the tests of privacy."""

from de_assets.privacy.keys import Keyring
from de_assets.settings import Settings

OLD = "the-key-of-last-year-is-no-secret"
NEW = "the-key-of-this-year-is-no-secret"
THIRD = "the-key-of-next-year-is-no-secret"


def keyring(current: str = OLD, previous: str | None = None) -> Keyring:
    environ = {"DE_ASSETS_PII_KEY": current}
    if previous is not None:
        environ["DE_ASSETS_PII_KEY_PREVIOUS"] = previous
    return Keyring.from_settings(Settings.from_env(environ))
