"""Sweep away what killed processes left behind under hidden names."""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

OLD_SECONDS = 86_400.0
"""Hidden files and folders older than a day belong to no process that still writes: a part or a night
takes minutes."""


def sweep(hidden: Iterable[Path], old_seconds: float = OLD_SECONDS) -> None:
    """Remove the paths that nobody has touched for so long. What another process removes meanwhile is no
    error, nor is what may not be removed: a home that is only read is read all the same."""
    now = time.time()
    for path in hidden:
        try:
            if now - path.stat().st_mtime > old_seconds:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue
