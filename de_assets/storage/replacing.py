"""A file that takes its place whole or not at all, whatever happens to its writer.

Used by `objects.py` for small objects and by `lake.py` for tables on a local disk. Not here: S3,
where one PUT or one completed upload is whole by itself.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Below a store's root and away from its tables: what a killed writer leaves is in nobody's scan.
UNFINISHED = ".unfinished"
LOCK = "lock"


@contextmanager
def replacing(
    path: Path, unfinished: Path, check: Callable[[], None] | None = None
) -> Iterator[Path]:
    """A temporary file, of which the body makes the content, that takes the place of `path`.

    The content is on the disk before the name changes, so neither a killed process nor a power
    cut shows half a file. If the body or the check raises, `path` stays as it was. What a killed
    writer leaves in `unfinished` is removed by the next write, of whatever file.

    Args:
        path: The file to replace or to create; its directories are made.
        unfinished: Directory of temporary files, on the same file system, which knows `flock`.
        check: Called when nobody else can put a file in place; raises to refuse.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.mkdir(parents=True, exist_ok=True)
    temporary = unfinished / f"{os.getpid()}-{secrets.token_hex(8)}"
    with _locked(unfinished):
        _abandoned_removed(unfinished)
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)  # held until this process closes it, or dies
    try:
        yield temporary
        os.fsync(handle)
        with _locked(unfinished):
            if check is not None:
                check()
            os.replace(temporary, path)  # noqa: PTH105  the atomic one; Path.rename is not it
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def remove_abandoned(unfinished: Path) -> int:
    """Remove the temporary files of dead writers now, without waiting for the next write."""
    if not unfinished.is_dir():
        return 0
    with _locked(unfinished):
        return _abandoned_removed(unfinished)


def _abandoned_removed(unfinished: Path) -> int:
    """Remove files whose writer is dead: a living one holds the lock of its file."""
    removed = 0
    for path in unfinished.iterdir():
        if path.name == LOCK:
            continue
        # Finished meanwhile, alive, or another user's: none of it is a reason not to write.
        ignored = suppress(FileNotFoundError, BlockingIOError, PermissionError)
        with ignored, path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            removed += 1
    return removed


@contextmanager
def _locked(unfinished: Path) -> Iterator[None]:
    with (unfinished / LOCK).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
