"""Object stores in which something goes wrong."""

from pathlib import Path

from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import LocalStore


class Occupied(LocalStore):
    """A store in which somebody else is always faster."""

    def write(self, key, data, **conditions):  # noqa: ARG002  the protocol's
        raise PreconditionFailedError("another writer was faster")


class KilledError(BaseException):
    """The process ends here; nothing may catch it."""


class Dying(LocalStore):
    """A store whose process is killed when it is about to write for the n-th time, from 0."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self.left = writes

    def write(self, key, data, **conditions):
        if self.left == 0:
            raise KilledError
        self.left -= 1
        return super().write(key, data, **conditions)
