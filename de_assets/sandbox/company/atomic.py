"""Putting a file into the landing directory: whole, or not at all.

Who watches the directory never sees half a file: it is written under a hidden name and renamed.
"""

import gzip
from pathlib import Path


def write_whole(path: Path, content: bytes) -> int:
    """Write `content` to `path`, replacing what is there; return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_bytes(content)
    hidden.replace(path)
    return len(content)


def gzipped(content: bytes) -> bytes:
    """Compressed without the time of day, so that equal content gives equal bytes."""
    return gzip.compress(content, compresslevel=5, mtime=0)
