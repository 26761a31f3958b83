"""What was written must survive a power cut: bytes are synced before a rename promises them, and the rename itself after it."""

import ctypes
import os
from pathlib import Path

_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2."""


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(old: Path, new: Path) -> None:
    """Give a synced file or folder its final name, for good: a rename that is only in memory is undone by a power cut."""
    old.rename(new)
    sync(new.parent)


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders swap their names at one moment, for good: at no time is either name without one.

    False, and nothing has changed, where one is not there or the system cannot (other systems than Linux, some network folders).
    """
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if swap is None or swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) != 0:
        return False
    sync(other.parent)
    return True


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, for good."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)
