"""Where enrichments of others come from: the folder that nightshift.yaml names, and installed packages.

A YAML file is read. A Python file is code of its author and runs as such, once a process; it is loaded from
that folder only, by its path.
"""

import dataclasses
import importlib.util
import sys
import traceback
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from nightshift.enrichments.base import Enrichment
from nightshift.enrichments.declared.file import check_name, load
from nightshift.errors import ConfigError
from nightshift.storage.content_key import content_key

GROUP = "nightshift.enrichments"
"""Entry points under which installed packages bring some: an `Enrichment`, or a list of them."""
ENDINGS = (".yaml", ".yml", ".py")
Stamp = tuple[str, int, int]
"""A file's path, moment of change in nanoseconds, and size."""


def stamps(folder: Path) -> tuple[Stamp, ...]:
    """The files that declare enrichments, in order. Those whose names begin with `_`, `.` or `test_` are
    helpers."""
    if not folder.is_dir():
        raise ConfigError(
            f"enrichments.folder: {folder} is not there; make it, or leave the setting out. `nightshift "
            f"enrichments new NAME` writes a first file"
        )
    files = (path for path in sorted(folder.iterdir()) if path.suffix in ENDINGS and _declares(path))
    return tuple(stamp(path) for path in files)


def stamp(path: Path) -> Stamp:
    """One file's own."""
    if not path.is_file():
        raise ConfigError(f"enrichments.files: {path} is not there")
    found = path.stat()
    return str(path), found.st_mtime_ns, found.st_size


def _declares(path: Path) -> bool:
    return not path.name.startswith(("_", ".", "test_")) and path.stem != "conftest"


def from_file(path: Path) -> Enrichment[Any]:
    """The declaration of a file, which messages call `<folder>/<file>`. Raises ConfigError."""
    place = f"{path.parent.name}/{path.name}"
    return _of_module(path, place) if path.suffix == ".py" else load(path, place)


def _of_module(path: Path, place: str) -> Enrichment[Any]:
    check_name(path.stem, place)
    each = getattr(_run(path, place), "ENRICHMENT", None)
    if not isinstance(each, Enrichment):
        raise ConfigError(
            f"{place}: holds no `ENRICHMENT = Enrichment(...)`; the name of a file that is only a helper "
            f"begins with _"
        )
    if each.name != path.stem:
        raise ConfigError(f"{place}: its name is {each.name!r}; the file's and the enrichment's are one")
    return dataclasses.replace(each, place=place)


def _run(path: Path, place: str) -> ModuleType:
    name = f"nightshift_enrichment_{path.stem}_{content_key(str(path.resolve()))[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while they are made
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(f"{place}{_line(error, path)}: {type(error).__name__}: {error}") from error
    return module


def _line(error: BaseException, path: Path) -> str:
    """`:12`, the last line of the file that the error passed."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f":{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f":{lines[-1]}" if lines else ""


@cache
def installed() -> tuple[Enrichment[Any], ...]:
    """Those of installed packages, in the order of their names."""
    found: list[Enrichment[Any]] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        place = f"package {point.dist.name if point.dist else point.value}, entry point {point.name}"
        try:
            value = point.load()
        except Exception as error:
            raise ConfigError(f"{place}: {type(error).__name__}: {error}") from error
        for each in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(each, Enrichment):
                raise ConfigError(f"{place}: {point.value} is no Enrichment and no list of them")
            check_name(each.name, place)
            found.append(dataclasses.replace(each, place=each.place or place))
    return tuple(found)
