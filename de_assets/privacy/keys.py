"""The keys of a deployment, derived from one secret, and the one before it during a rotation.

Tokens, wrapping and the audit log have a key each, so that none tells of another. Nothing is read,
asked or derived before it is needed, and no key is ever shown. Used by all that handles identities.
"""

from collections.abc import Callable
from typing import NoReturn

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from de_assets.errors import SettingsError, StorageError
from de_assets.privacy.secret_texts import secret_text
from de_assets.settings import LOCAL_PII_KEY, Settings
from de_assets.transforms.tokens import tokenise

KEY_BYTES = 32
WRAPPING_KEY_BYTES = 64  # AES-SIV takes two keys of 256 bits as one


class MasterKey:
    """One secret of the deployment; it shows its id and nothing else.

    Attributes are derived with HKDF-SHA256 when they are first asked for.
    """

    __slots__ = ("_derived", "_root", "_secret")

    def __init__(self, secret: Callable[[], str]) -> None:
        """Args: what returns the secret's text; called once, on first use."""
        self._secret = secret
        self._root: bytes | None = None
        self._derived: dict[str, bytes] = {}

    def __repr__(self) -> str:
        """Not the key."""
        return "MasterKey(...)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied."""
        raise TypeError("a key is not pickled: it would be written somewhere; open it again there")

    @property
    def key_id(self) -> str:
        """Sixteen hexadecimal digits that tell keys apart; may be shown and stored."""
        return self._derive("key id", 8).hex()

    @property
    def token_key(self) -> bytes:
        """The key of the tokens (32 bytes), for `transforms.tokens`."""
        return self._derive("tokens", KEY_BYTES)

    @property
    def audit_key(self) -> bytes:
        """The key of the audit log's entries (32 bytes)."""
        return self._derive("audit log", KEY_BYTES)

    @property
    def audit_subject_key(self) -> bytes:
        """The key of the tokens by which the audit log names people (32 bytes)."""
        return self._derive("audit log subjects", KEY_BYTES)

    def token(self, value: str | None) -> str | None:
        """The token of a direct identifier, the same as in the cleaned tables; None stays None."""
        token: str | None = tokenise(pl.Series([value], dtype=pl.String), self.token_key).item()
        return token

    def wrap(self, secret: bytes, purpose: str, name: str = "") -> bytes:
        """Encrypt a key (AES-SIV); it opens only under the same purpose and name.

        The same secret, purpose and name give the same bytes. They are 16 longer than the secret.
        """
        return self._wrapping().encrypt(secret, [purpose.encode(), name.encode()])

    def unwrap(self, wrapped: bytes, purpose: str, name: str = "") -> bytes:
        """Decrypt what `wrap` made.

        Raises:
            StorageError: it was wrapped under another key, purpose or name, or was altered.
        """
        try:
            return self._wrapping().decrypt(wrapped, [purpose.encode(), name.encode()])
        except (InvalidTag, ValueError):
            raise StorageError(
                "a wrapped key does not open: it was altered, or belongs to something else",
                where=f"{purpose}, key {self.key_id}",
                fix="restore identity/_keys/ from a backup of the bucket",
            ) from None

    def _wrapping(self) -> AESSIV:
        return AESSIV(self._derive("wrapping", WRAPPING_KEY_BYTES))

    def _derive(self, purpose: str, length: int) -> bytes:
        if purpose not in self._derived:
            if self._root is None:
                self._root = self._secret().encode()
            hkdf = HKDF(SHA256(), length, salt=b"de_assets", info=f"privacy 1: {purpose}".encode())
            self._derived[purpose] = hkdf.derive(self._root)
        return self._derived[purpose]


class Keyring:
    """The key in use, and during a rotation the one before it."""

    __slots__ = ("current", "previous")

    def __init__(self, current: MasterKey, previous: MasterKey | None = None) -> None:
        self.current = current
        self.previous = previous

    @classmethod
    def from_settings(cls, settings: Settings) -> "Keyring":
        """The keys that the settings hold or name. Nothing is asked for yet.

        Its first use raises SettingsError where a secret cannot be had, or is the public one of
        local development in another environment.
        """
        previous = settings.pii_key_previous
        return cls(
            _master(settings, settings.pii_key, "DE_ASSETS_PII_KEY"),
            _master(settings, previous, "DE_ASSETS_PII_KEY_PREVIOUS") if previous else None,
        )

    def __repr__(self) -> str:
        """Not the keys."""
        return f"Keyring({'during a rotation' if self.previous else 'one key'})"

    @property
    def key_id(self) -> str:
        """Which key is in use; may be shown."""
        return self.current.key_id

    @property
    def token_key(self) -> bytes:
        """The key of the tokens (32 bytes), for `transforms.tokens`."""
        return self.current.token_key

    def token(self, value: str | None) -> str | None:
        """The token of a direct identifier, the same as in the cleaned tables; None stays None."""
        return self.current.token(value)

    def known(self) -> dict[str, MasterKey]:
        """The keys at hand by their id, the one in use first."""
        keys = [self.current] if self.previous is None else [self.current, self.previous]
        return {key.key_id: key for key in keys}

    def by_id(self, key_id: str) -> MasterKey:
        """The key of that id.

        Raises:
            SettingsError: it is not at hand.
        """
        known = self.known()
        if key_id not in known:
            raise SettingsError(
                f"the key {key_id} is needed, and the settings hold {' and '.join(known)}",
                where="DE_ASSETS_PII_KEY",
                fix="set the key that this lake was written with; if it was replaced, set the old "
                "one as DE_ASSETS_PII_KEY_PREVIOUS and run `de-assets rotate-keys`",
            )
        return known[key_id]


def _master(settings: Settings, setting: SecretStr, name: str) -> MasterKey:
    # Moving away from the local key is allowed, so the key before may be it.
    may_be_local = settings.is_local or name == "DE_ASSETS_PII_KEY_PREVIOUS"

    def secret() -> str:
        text = secret_text(setting, name, settings.s3)
        if text == LOCAL_PII_KEY and not may_be_local:
            raise SettingsError(
                "the secret is the key of local development, which is public",
                where=name,
                fix="store a key of your own, such as `openssl rand -base64 32` prints",
            )
        return text

    return MasterKey(secret)
