"""What was written must survive a power cut: bytes are synced before a rename promises them, and the rename itself after it."""

import os
from pathlib import Path


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


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, for good."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync(path.parent)
