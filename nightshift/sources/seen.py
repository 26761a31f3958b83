"""What the source files held when they were last looked at, so that a sensor can tell new data from a
touched file."""

import hashlib
from pathlib import Path

from pydantic import BaseModel

from nightshift.sources.files import find_files
from nightshift.sources.settings import SourcesSettings
from nightshift.storage.content_key import canonical
from nightshift.storage.downloads import sha256_of


class SeenFile(BaseModel, extra="forbid", frozen=True):
    """One source file as it was."""

    bytes: int
    modified_ns: int
    """Modification time in nanoseconds since 1970."""
    sha256: str
    """Digest of its contents."""


class Seen(BaseModel, extra="forbid", frozen=True):
    """Every source file as it was; small enough for a sensor's cursor: some 150 characters a file."""

    files: dict[str, SeenFile]

    @property
    def digest(self) -> str:
        """Equal for two looks at the same files. Times are in it: an older file that was put back is
        another look than the first at it."""
        seen = [[name, file.sha256, file.modified_ns] for name, file in sorted(self.files.items())]
        return hashlib.sha256(canonical(seen).encode()).hexdigest()

    def changed_since(self, before: "Seen") -> list[str]:
        """Names of files that are new, gone or hold something else, sorted."""
        names = self.files.keys() | before.files.keys()
        return sorted(name for name in names if _content(self, name) != _content(before, name))


def _content(seen: Seen, name: str) -> str | None:
    return seen.files[name].sha256 if name in seen.files else None


def look(sources: SourcesSettings, root: Path, before: Seen | None) -> Seen:
    """The files of both sources now. Only files whose size or modification time moved since `before` are
    read.

    Raises SourceError when a source names no file.
    """
    known, found = before.files if before else {}, {}
    for source in (sources.items, sources.interactions):
        for file in find_files(source.block, source.path, root):
            found[f"{source.block}: {file.place}"] = _seen(
                file.path, known.get(f"{source.block}: {file.place}")
            )
    return Seen(files=found)


def _seen(path: Path, known: SeenFile | None) -> SeenFile:
    stat = path.stat()
    if known and (known.bytes, known.modified_ns) == (stat.st_size, stat.st_mtime_ns):
        return known
    return SeenFile(bytes=stat.st_size, modified_ns=stat.st_mtime_ns, sha256=sha256_of(path))
