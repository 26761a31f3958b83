"""A data set as it was downloaded: a folder, a zip or tar archive, or one file beside others. Nothing is
unpacked to disk.

Members are streamed out of their archive; gzip is undone on the way. A tar archive that is compressed as a
whole is read once for each table.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, cast

from nightshift.errors import SourceError

TAR = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Member:
    """One file of a data set."""

    holder: Path
    """The file on disk: the member itself, or the archive around it."""
    inside: str | None = None
    """Its name inside the archive; None where it lies in a folder."""

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return (self.inside or self.holder.name).rsplit("/", 1)[-1]

    @property
    def folder(self) -> str:
        """The name of the folder or archive that holds it, without ending: `MINDsmall_train`."""
        inner = (self.inside or "").rpartition("/")[0]
        return inner.rsplit("/", 1)[-1] or (
            self.holder.name.split(".")[0] if self.inside else self.holder.parent.name
        )

    @property
    def place(self) -> str:
        """How messages name it: `ml-1m.zip: ml-1m/movies.dat`."""
        return f"{self.holder.name}: {self.inside}" if self.inside else self.holder.name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes, gzip undone. Raises SourceError when the file is torn or no archive of its kind."""
        try:
            with _raw(self) as raw:
                yield cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if self.name.endswith(".gz") else raw
        except (
            OSError,
            EOFError,
            zlib.error,
            zipfile.BadZipFile,
            tarfile.TarError,
        ) as error:  # gzip's own error is an OSError
            raise SourceError(f"{self.place} cannot be read ({error}): torn? Download it again") from error

    def read(self) -> bytes:
        """All bytes, for small files."""
        with self.open() as stream:
            return stream.read()


@contextmanager
def _raw(member: Member) -> Iterator[IO[bytes]]:
    if member.inside is None:
        with member.holder.open("rb") as stream:
            yield stream
    elif member.holder.name.endswith(TAR):
        with tarfile.open(member.holder) as tar:
            yield tar.extractfile(member.inside) or io.BytesIO()
    else:
        with zipfile.ZipFile(member.holder) as archive, archive.open(member.inside) as stream:
            yield stream


class Original:
    """What `--from` names, as a list of members."""

    def __init__(self, path: Path, expected: str, home: str) -> None:
        """`expected` says which files a data set has and `home` where it is had; both are for messages."""
        self.path, self.expected, self.home = path, expected, home
        if not path.exists():
            raise SourceError(f"{path} is not there; it should be {expected}. Download it from {home}")
        self.members = list(_members(path))

    def find(self, *patterns: str, but: str = "") -> Member:
        """The one member whose name fits a pattern, and not `but`. Raises SourceError when there is none,
        or more than one."""
        found = self.all(*patterns, but=but)
        if len(found) > 1:
            names = ", ".join(member.place for member in found[:4])
            raise SourceError(
                f"{self.path} holds {len(found)} files {' or '.join(patterns)} ({names}): keep one "
                f"data set a folder"
            )
        return found[0]

    def all(self, *patterns: str, but: str = "") -> list[Member]:
        """Every member whose name fits a pattern, by name. Raises SourceError when there is none."""
        found = self.some(*patterns, but=but)
        if not found:
            names = ", ".join(member.name for member in self.members[:8]) or "nothing"
            missing = f"{self.path} holds no {' or '.join(patterns)} (it holds {names})"
            raise SourceError(f"{missing}; expected is {self.expected}. Download it from {self.home}")
        return found

    def some(self, *patterns: str, but: str = "") -> list[Member]:
        """Every member whose name fits a pattern, by name; may be empty."""
        names = [member for member in self.members if not fnmatch(member.name, but)]
        fitting = [member for member in names if any(fnmatch(member.name, pattern) for pattern in patterns)]
        return sorted(fitting, key=lambda member: (member.inside or "", str(member.holder)))


def _members(path: Path) -> Iterator[Member]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        names = _inside(file)
        yield from (
            [Member(file)] if names is None else (Member(file, name) for name in names if not _hidden(name))
        )


def _inside(file: Path) -> Iterable[str] | None:
    """Names inside an archive; None for a file that is none."""
    try:
        if file.name.endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                return [name for name in archive.namelist() if not name.endswith("/")]
        if file.name.endswith(TAR):
            with tarfile.open(file) as tar:
                return [member.name for member in tar if member.isfile()]
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise SourceError(
            f"{file} is no archive ({error}): torn, or a page instead of a file? Download it again"
        ) from error
    return None


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX") or name.rsplit("/", 1)[-1].startswith("._")
