"""From the path that a mapping names to files: a path that exists as it is written comes before the same
path as a pattern."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark call the folder of rows whose key is null."""


def matching_files(pattern: str, root: Path) -> list[Path]:
    """The files that a path, folder or glob names, sorted. The project's folder `root` is never part of a
    pattern.

    A folder stands for its files, and for those of its folders, at any depth, where it has none of its
    own. Names that begin with a dot or an underscore are left out unless they are written in full.
    """
    full = root / Path(pattern).expanduser()
    if full.is_file():
        return [full]
    found = [full] if full.is_dir() else [*_globbed(full, root)]
    files = [path for path in found if path.is_file() and not _hidden(path)]
    return sorted(set(files or _in_folders(found)))


def _globbed(full: Path, root: Path) -> Iterator[Path]:
    """Matches of the part of a path that does not exist as it is written; its brackets are letters where
    they match nothing."""
    base, rest = _split(full, root)
    if not any(mark in rest for mark in "*?["):
        return
    rest = f"{rest}/*" if rest.rpartition("/")[2] == "**" else rest
    yield from [*base.glob(rest)] or [*base.glob(rest.replace("[", "[[]"))]


def _split(full: Path, root: Path) -> tuple[Path, str]:
    """The longest folder of a path that exists as it is written, and the rest."""
    inside = full.is_relative_to(root)
    base = root if inside else Path(full.anchor)
    parts = list(full.relative_to(base).parts)
    while len(parts) > 1 and (base / parts[0]).is_dir():
        base /= parts.pop(0)
    return base, "/".join(parts)


def _in_folders(found: list[Path]) -> Iterator[Path]:
    """Files of the folders among the matches: their own, else those of their folders."""
    for folder in found:
        if folder.is_dir():
            inside = [path for path in folder.iterdir() if not _hidden(path)]
            files = [path for path in inside if path.is_file()]
            yield from files or _in_folders(inside)


def _hidden(path: Path) -> bool:
    return path.name.startswith((".", "_"))


def folder_keys(place: str) -> dict[str, str | None]:
    """The columns that folders named `key=value` hold, as Hive, Spark and Athena write them.

    >>> folder_keys("events/dt=2026-10-01/country=N%2FA/part-0.parquet")
    {'dt': '2026-10-01', 'country': 'N/A'}
    """
    pairs = [part.partition("=") for part in place.split("/")[:-1]]
    return {
        unquote(key): None if value == HIVE_NULL else unquote(value)
        for key, mark, value in pairs
        if key and mark
    }
