"""Random keys that outlive a rotation: each is one object, wrapped under the deployment's key.

For what is keyed and cannot be computed again, such as the tombstones of erased people. `rewrap`
finds them all, so a new one needs no edit there. Not here: the keys of people (`identity.py`).
"""

import json
import secrets
from base64 import b64decode, b64encode
from contextlib import suppress

from de_assets.errors import PreconditionFailedError, StorageError
from de_assets.privacy.keys import KEY_BYTES, Keyring
from de_assets.storage.objects import ObjectStore

PREFIX = "identity/_keys/"
PURPOSE = "stored key"


def stored_key(objects: ObjectStore, keyring: Keyring, name: str) -> bytes:
    """The random key of that name (32 bytes), made when it is first asked for.

    Raises:
        SettingsError: it is wrapped under a key that is not at hand.
        StorageError: it was altered.
    """
    try:
        return _opened(*_read(objects, name), keyring, name)
    except FileNotFoundError:
        fresh = _sealed(secrets.token_bytes(KEY_BYTES), keyring, name)
    with suppress(PreconditionFailedError):  # another process made it meanwhile
        objects.write(_key(name), fresh, if_absent=True)
    return _opened(*_read(objects, name), keyring, name)


def wrapping_key_ids(objects: ObjectStore) -> set[str]:
    """Under which keys of the deployment the stored keys are wrapped."""
    return {_parsed(*_read(objects, name))[0] for name in _names(objects)}


def rewrap_stored_keys(objects: ObjectStore, keyring: Keyring) -> int:
    """Wrap every stored key that stands under another key again, under the one in use; how many.

    Raises:
        SettingsError: one is wrapped under a key that is not at hand.
        StorageError: one was altered.
        PreconditionFailedError: another rotation is at work.
    """
    count = 0
    for name in _names(objects):
        data, version = objects.read(_key(name))
        if _parsed(data, objects.url(_key(name)))[0] != keyring.key_id:
            opened = _opened(data, objects.url(_key(name)), keyring, name)
            objects.write(_key(name), _sealed(opened, keyring, name), if_match=version)
            count += 1
    return count


def _names(objects: ObjectStore) -> list[str]:
    keys = [info.key for info in objects.list(PREFIX) if info.key.endswith(".json")]
    return [key.removeprefix(PREFIX).removesuffix(".json") for key in keys]


def _key(name: str) -> str:
    return f"{PREFIX}{name}.json"


def _read(objects: ObjectStore, name: str) -> tuple[bytes, str]:
    """The object's content, and where it is."""
    return objects.read(_key(name))[0], objects.url(_key(name))


def _sealed(key: bytes, keyring: Keyring, name: str) -> bytes:
    wrapped = keyring.current.wrap(key, PURPOSE, name)
    return json.dumps(
        {"key_id": keyring.key_id, "wrapped_key": b64encode(wrapped).decode()}
    ).encode()


def _opened(data: bytes, where: str, keyring: Keyring, name: str) -> bytes:
    key_id, wrapped = _parsed(data, where)
    return keyring.by_id(key_id).unwrap(wrapped, PURPOSE, name)


def _parsed(data: bytes, where: str) -> tuple[str, bytes]:
    """Under which key it is wrapped, and the wrapped key."""
    try:
        stored = json.loads(data)
        return str(stored["key_id"]), b64decode(stored["wrapped_key"])
    except (ValueError, KeyError, TypeError):
        raise StorageError(
            "a stored key cannot be read",
            where=where,
            fix="restore the object from a backup of the bucket",
        ) from None
