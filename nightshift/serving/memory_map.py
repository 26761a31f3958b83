"""A folder of arrays that are memory-mapped: written once under a key, opened in milliseconds, shared by
all processes.

<folder>/<key>/about.json      what it is, and the bytes of every array
               <name>.npy      plain NumPy arrays
"""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshift.errors import IntegrityError
from nightshift.storage.durable import make_folder, rename, sync
from nightshift.storage.sweep import sweep

ABOUT = "about.json"
ATTEMPTS = 3
"""Times that arrays are made because another process, finding them damaged, took them away under way."""
Arrays = dict[str, NDArray[Any]]


def write_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Write the folder whole or not at all; when another process was quicker, its folder stands."""
    make_folder(folder.parent)
    sweep(folder.parent.glob(".*"))
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    fresh.mkdir()
    try:
        for name, values in arrays.items():
            _save(fresh / f"{name}.npy", values)
        sizes = {name: (fresh / f"{name}.npy").stat().st_size for name in arrays}
        (fresh / ABOUT).write_text(json.dumps({**about, "bytes": sizes}, indent=1), "utf-8")
        sync(fresh / ABOUT)
        _place(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _save(path: Path, values: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(values), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _place(fresh: Path, folder: Path) -> None:
    """Give the folder its name unless a whole one has it; what is there without its about.json is
    nobody's."""
    while not (folder / ABOUT).exists():
        with suppress(OSError):
            rename(fresh, folder)
            return
        aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
        if not (folder / ABOUT).exists():
            with suppress(FileNotFoundError):
                folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def read_about(folder: Path) -> dict[str, Any]:
    """What the folder says of itself. Raises IntegrityError when it is torn; FileNotFoundError when there
    is none."""
    raw = (folder / ABOUT).read_bytes()
    try:
        about: dict[str, Any] = json.loads(raw)
        wrong = [
            name for name, size in about["bytes"].items() if (folder / f"{name}.npy").stat().st_size != size
        ]
    except (ValueError, KeyError, AttributeError, FileNotFoundError) as error:
        raise IntegrityError(
            f"{folder} is damaged ({error}); delete it, it is made again from the night's tables"
        ) from error
    if wrong:
        raise IntegrityError(
            f"{folder / wrong[0]}.npy has not its length; delete the folder, it is made again from "
            f"the night's tables"
        )
    return about


def forget(folder: Path) -> None:
    """Let a damaged folder be written anew; a sound one stays."""
    try:
        read_about(folder)
    except IntegrityError:
        (folder / ABOUT).unlink(missing_ok=True)
    except OSError:
        return


def map_arrays(folder: Path, about: Mapping[str, Any]) -> Arrays:
    """The arrays, mapped: pages are read when they are touched."""
    return {name: _map(folder / f"{name}.npy") for name in about["bytes"]}


def _map(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError:  # an array without entries cannot be mapped
        return np.asarray(np.load(path, allow_pickle=False))


def opened(
    folder: Path, make: Callable[[], tuple[Arrays, dict[str, Any]]], kept: int = 3
) -> tuple[Arrays, dict[str, Any]]:
    """Map a folder and what it says of itself; make it first where it is not there yet, or where it is
    damaged.

    Several processes may do so at once: all write the same, one of them gives it its name. `kept` folders
    beside it stay.
    """
    for _ in range(ATTEMPTS):
        try:
            about = read_about(folder)
            return map_arrays(folder, about), about
        except (FileNotFoundError, NotADirectoryError, IntegrityError):
            arrays, about = make()
            forget(folder)
            write_arrays(folder, arrays, about)
            keep_newest(folder.parent, folder, kept)
    about = read_about(folder)
    return map_arrays(folder, about), about


def keep_newest(folder: Path, mine: Path, kept: int) -> None:
    """Remove all but the newest few keys and `mine`. Who has mapped a removed one keeps reading it."""
    others = sorted(
        (path for path in folder.glob("as_of=*") if path != mine), key=lambda path: path.name, reverse=True
    )
    for path in others[kept - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
