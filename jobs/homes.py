"""Where Dagster keeps the runs of a home: made, or refused in words; and a name of it that Dagster can put
into an address."""

import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from nightshift.errors import ConfigError
from nightshift.night.config import Settings
from nightshift.storage.durable import make_folder

WAY_OUT = "name a folder that can be written: --home, NIGHTSHIFT_HOME or `home` in nightshift.yaml"


def writable(settings: Settings) -> None:
    """Raise ConfigError when the home is not there and cannot be made, or nothing can be written in it.
    Leaves nothing behind."""
    home = settings.home_folder
    nearest = next(path for path in (home, *home.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".nightshift-"):
            pass
    except OSError as error:
        raise ConfigError(
            f"home {home} cannot be written: {error.strerror} ({nearest}); {WAY_OUT}"
        ) from error


def dagster_folder(settings: Settings) -> Path:
    """The folder of Dagster's runs and events, made when missing. Raises ConfigError when it cannot be
    made or written."""
    folder = settings.home_folder / "dagster"
    try:
        make_folder(folder)
        (folder / "opening.lock").touch()
    except OSError as error:
        raise ConfigError(
            f"home {settings.home_folder} cannot be written: {error.strerror} ({error.filename}); {WAY_OUT}"
        ) from error
    return folder


def addressable(folder: Path, settings: Settings) -> Path:
    """The folder under a name that an address can hold: its own, or a symlink to it where `%20` or `?`
    would be read as something else.

    Dagster writes the folder into SQLAlchemy's `sqlite:///<path>` as it is. The link lies in the cache, or
    among temporary files, and stays: whoever opens the same home finds it again.
    """
    if _survives(folder):
        return folder
    name = f"dagster-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    for parent in _parents(settings):
        try:
            return _linked(parent / name, folder)
        except OSError:
            continue
    raise ConfigError(
        f"home {settings.home_folder}: Dagster cannot open a folder of that name; rename it, or set "
        f"`cache` to a plain one"
    )


def _survives(folder: Path) -> bool:
    return make_url(f"sqlite:///{folder}/runs.db").database == f"{folder}/runs.db"


def _parents(settings: Settings) -> Iterator[Path]:
    """Folders that may hold links: the cache's, else one that is this user's own among temporary files."""
    own = Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}"
    yield from (parent for parent in (settings.cache_folder / "homes", own) if _survives(parent))


def _linked(link: Path, folder: Path) -> Path:
    """A symlink to the folder, made at one moment. Raises OSError where it cannot be, or where another
    user's folder is in its place."""
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if link.parent.stat().st_uid != os.getuid():
        raise PermissionError(link.parent)
    if not (link.is_symlink() and link.readlink() == folder):
        fresh = link.with_name(f".{link.name}.{uuid.uuid4().hex[:8]}")
        fresh.symlink_to(folder)
        fresh.replace(link)
    return link
