"""What was written must survive a power cut: bytes are synced before a rename promises them, and the
rename itself after it.

A folder takes the place of another at one moment, so that whoever opens the name finds one of them whole.
"""

import ctypes
import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nightshift.storage.sweep import sweep

_HERE, _EXCHANGE = -100, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2."""


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's list of names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """The same for a folder with everything in it."""
    for path in (*folder.rglob("*"), folder):
        if not path.is_symlink():
            sync(path)


def rename(old: Path, new: Path) -> None:
    """Give a synced file or folder its final name, for good: a rename that is only in memory is undone by
    a power cut."""
    old.rename(new)
    sync(new.parent)


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders swap their names at one moment, for good: at no time is either name without
    one.

    False, and nothing has changed, where one is not there or the system cannot (other systems than Linux,
    some network folders).
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


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """A fresh hidden folder that takes the target's place, with its files on the disk, when the block ends
    well: whole or not at all."""
    make_folder(target.parent)
    sweep(target.parent.glob(f".{glob.escape(target.name)}.*"))
    fresh = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    fresh.mkdir()
    try:
        yield fresh
        for path in (*fresh.iterdir(), fresh):
            sync(path)
        put_in_place(fresh, target, ".")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def put_in_place(fresh: Path, target: Path, aside: str) -> None:
    """Give a synced fresh folder beside the target the target's name, for good, and remove what had it;
    who has opened that reads on.

    Where the system cannot exchange two folders at once, the old one is away under
    `.<name><aside><random>` between two renames, and this starts over when another process puts something
    in its place meanwhile.
    """
    old = []
    while not (_named(fresh, target) or exchange(fresh, target)):
        old.append(target.with_name(f".{target.name}{aside}{uuid.uuid4().hex[:8]}"))
        with suppress(FileNotFoundError):
            target.rename(old[-1])
    for folder in (*old, fresh):
        shutil.rmtree(folder, ignore_errors=True)


def _named(fresh: Path, target: Path) -> bool:
    """Whether the name was free."""
    try:
        rename(fresh, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True
