"""Publish a table for a night, whole or not at all, and read it back.

    <home>/tables/<table>/as_of=<date>/part-00000-<digest>.parquet
                                       _manifest.json
                                       _rejects.pq          rows this table could not take, with reasons

A night is written into a fresh hidden folder and moved into place by renames, so a glob over
`as_of=*/part-*.parquet` never meets a half-written file. Publishing the same content again changes nothing
on disk. A part's name carries the SHA-256 of its bytes: who follows a manifest while the night is replaced
finds its files or none, never another version's.
"""

import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ValidationError

from nightshift import __version__
from nightshift.errors import IntegrityError, NightshiftError
from nightshift.storage.content_key import content_key
from nightshift.storage.downloads import sha256_of
from nightshift.storage.durable import make_folder, put_in_place, sync
from nightshift.storage.sweep import sweep
from nightshift.tables import REJECTS, SCHEMA_VERSION, Table

ROWS_PER_PART = 1_000_000
MANIFEST = "_manifest.json"
REJECTED = "_rejects.pq"
"""Parquet under a name that `*.parquet` does not match, so that whoever reads a night's folder reads the
rows."""
SOURCE_DIGEST = "source digest"
"""In a manifest's metadata, where a table was read from the user's files: which files."""
ASIDE = ".replaced-"
READS, PAUSE_SECONDS = 100, 0.01
"""How often, and after which pause, a read starts over because another run is replacing its night."""


class FileEntry(BaseModel, extra="forbid", frozen=True):
    """One Parquet file of a published night."""

    name: str
    bytes: int
    sha256: str
    rows: int


class Manifest(BaseModel, extra="forbid", frozen=True):
    """What a published night consists of and what it was built from."""

    table: str
    as_of: date
    schema_version: int = SCHEMA_VERSION
    code_version: str = __version__
    files: tuple[FileEntry, ...]
    rows: int
    rejects: FileEntry | None = None
    inputs: dict[str, str]
    """Name of each input (a table of a night, a source, a ledger) to the digest of what was read."""
    fallbacks: dict[str, int]
    """Rows by origin that no model answered tonight: group, template, carried."""
    metadata: dict[str, Any]
    """Counts worth keeping: calls, tokens, money."""
    published_at: datetime

    @property
    def digest(self) -> str:
        """Equal for equal content, whenever it was published."""
        return content_key(
            self.table, str(self.schema_version), *(f"{f.name} {f.sha256}" for f in self.files)
        )

    def says_the_same(self, other: "Manifest") -> bool:
        """Whether the other night holds the same rows and rejects, from the same inputs and files."""
        return self._said == other._said

    @property
    def _said(self) -> tuple[Any, ...]:
        return self.digest, self.rejects, self.inputs, self.fallbacks, self.metadata.get(SOURCE_DIGEST)


class Store:
    """The tables of one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "tables"
        _recover(self.root)

    def folder(self, table: Table | str, as_of: date) -> Path:
        """Where a night of a table lives."""
        name = table if isinstance(table, str) else table.name
        return self.root / name / f"as_of={as_of.isoformat()}"

    def publish(
        self,
        table: Table,
        as_of: date,
        frame: pl.DataFrame,
        *,
        inputs: Mapping[str, str] | None = None,
        fallbacks: Mapping[str, int] | None = None,
        metadata: Mapping[str, Any] | None = None,
        rejects: pl.DataFrame | None = None,
    ) -> Manifest:
        """Check the frame against the table and publish it as the night's snapshot.

        Raises TableError when the frame does not fit; nothing is published then.
        """
        frame = table.conform(frame)
        target = self.folder(table, as_of)
        make_folder(target.parent)
        fresh = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        fresh.mkdir()
        try:
            files = _write_parts(frame, fresh)
            manifest = Manifest(
                table=table.name,
                as_of=as_of,
                files=files,
                rows=frame.height,
                rejects=None if rejects is None else _write(REJECTS.conform(rejects), fresh / REJECTED),
                inputs=dict(inputs or {}),
                fallbacks={origin: n for origin, n in (fallbacks or {}).items() if n},
                metadata=dict(metadata or {}),
                published_at=datetime.now(UTC),
            )
            published = self._sound(table, as_of)
            if published and published.says_the_same(manifest):
                return published
            (fresh / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", "utf-8")
            sync(fresh / MANIFEST)
            sync(fresh)
            put_in_place(fresh, target, ASIDE)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return manifest

    def _sound(self, table: Table, as_of: date) -> Manifest | None:
        """The night's manifest when the night is published and undamaged: a damaged night is published
        again."""
        try:
            self.verify(table, as_of)
            return self.manifest(table, as_of)
        except NightshiftError:
            return None

    def manifest(self, table: Table | str, as_of: date) -> Manifest:
        """The manifest of a published night. Raises NightshiftError when the night is not there or not
        whole."""
        path = self.folder(table, as_of) / MANIFEST
        try:
            return Manifest.model_validate_json(_bytes_of(path))
        except FileNotFoundError:
            name = table if isinstance(table, str) else table.name
            raise NightshiftError(
                f"{name} has no published night {as_of}; published: {_listed(self.nights(name))}"
            ) from None
        except ValidationError as error:
            raise IntegrityError(f"{path} is damaged; materialize {as_of} of this table again") from error

    def scan(self, table: Table | str, as_of: date) -> pl.LazyFrame:
        """A published night, lazily, from exactly the files its manifest lists.

        Prefer `read` where another run may replace the night between the scan and its collection.
        """
        manifest = self.manifest(table, as_of)
        folder = self.folder(table, as_of)
        return pl.scan_parquet([folder / file.name for file in manifest.files], glob=False)

    def read(self, table: Table | str, as_of: date) -> pl.DataFrame:
        """A published night, in memory: one version of it, also while another run replaces it."""
        return self._undisturbed(table, as_of, lambda: self.scan(table, as_of).collect())

    def _undisturbed(self, table: Table | str, as_of: date, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        for _ in range(READS):
            try:
                return read()
            except FileNotFoundError:
                time.sleep(PAUSE_SECONDS)
        raise IntegrityError(
            f"{self.folder(table, as_of)} lacks files its manifest lists; materialize {as_of} of this "
            f"table again"
        )

    def read_or_empty(self, table: Table, as_of: date | None) -> pl.DataFrame:
        """A published night, or the table without rows when that night was never published."""
        if as_of is None or not self.has(table, as_of):
            return table.empty()
        return self.read(table, as_of)

    def rejects(self, table: Table | str, as_of: date) -> pl.DataFrame:
        """What the night's table could not take, with reasons."""
        return self._undisturbed(table, as_of, lambda: self._rejects(table, as_of))

    def _rejects(self, table: Table | str, as_of: date) -> pl.DataFrame:
        found = self.manifest(table, as_of).rejects if self.has(table, as_of) else None
        return (
            pl.read_parquet(self.folder(table, as_of) / found.name, glob=False) if found else REJECTS.empty()
        )

    def has(self, table: Table | str, as_of: date) -> bool:
        """Whether the night is published whole."""
        return (self.folder(table, as_of) / MANIFEST).exists()

    def nights(self, table: Table | str) -> list[date]:
        """Published nights, oldest first."""
        name = table if isinstance(table, str) else table.name
        folders = (self.root / name).glob(f"as_of=*/{MANIFEST}")
        return sorted(date.fromisoformat(path.parent.name.removeprefix("as_of=")) for path in folders)

    def newest(self, table: Table | str, on_or_before: date | None = None) -> date | None:
        """The newest published night, at or before a day when one is given."""
        nights = [night for night in self.nights(table) if on_or_before is None or night <= on_or_before]
        return nights[-1] if nights else None

    def before(self, table: Table | str, as_of: date) -> date | None:
        """The newest published night strictly before a day."""
        nights = [night for night in self.nights(table) if night < as_of]
        return nights[-1] if nights else None

    def verify(self, table: Table | str, as_of: date) -> None:
        """Raise IntegrityError unless every file of the night is what its manifest says."""
        manifest = self.manifest(table, as_of)
        for file in (*manifest.files, *([manifest.rejects] if manifest.rejects else [])):
            path = self.folder(table, as_of) / file.name
            found = "no file"
            with suppress(FileNotFoundError):
                found = sha256_of(path)
            if found != file.sha256:
                raise IntegrityError(
                    f"{path}: {found}, the manifest says {file.sha256}; materialize {as_of} of this "
                    f"table again"
                )

    def published(self) -> dict[str, list[date]]:
        """Published nights of every table that has any."""
        names = sorted(folder.name for folder in self.root.glob("[!.]*") if folder.is_dir())
        return {name: nights for name in names if (nights := self.nights(name))}


def _write_parts(frame: pl.DataFrame, folder: Path) -> tuple[FileEntry, ...]:
    starts = range(0, max(frame.height, 1), ROWS_PER_PART)
    return tuple(
        _named(_write(frame.slice(start, ROWS_PER_PART), folder / f"part-{n:05d}"), folder)
        for n, start in enumerate(starts)
    )


def _named(entry: FileEntry, folder: Path) -> FileEntry:
    """The part under its final name, which carries its digest."""
    name = f"{entry.name}-{entry.sha256[:16]}.parquet"
    (folder / entry.name).rename(folder / name)
    return entry.model_copy(update={"name": name})


def _write(frame: pl.DataFrame, path: Path) -> FileEntry:
    frame.write_parquet(path, compression="zstd", statistics=True)
    sync(path)
    return FileEntry(name=path.name, bytes=path.stat().st_size, sha256=sha256_of(path), rows=frame.height)


def _bytes_of(path: Path) -> bytes:
    """A night's manifest; waits where the night is being replaced, between the two renames of its switch."""
    for _ in range(READS):
        with suppress(FileNotFoundError):
            return path.read_bytes()
        if not any(path.parent.parent.glob(f".{path.parent.name}{ASIDE}*")):
            break
        time.sleep(PAUSE_SECONDS)
    return path.read_bytes()


def _recover(root: Path) -> None:
    """Undo the first half of a switch that was killed between its two renames, and sweep old leftovers."""
    for aside in root.glob(f"*/.as_of=*{ASIDE}*"):
        target = aside.with_name(aside.name[1:].split(ASIDE)[0])
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            with suppress(OSError):  # another run recovered it, or has just published the night
                aside.rename(target)
    sweep(folder for folder in root.glob("*/.as_of=*") if ASIDE not in folder.name)


def _listed(nights: list[date]) -> str:
    return ", ".join(map(str, nights)) if nights else "none"


def digest_of(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """Inputs of a table, as its manifest records them."""
    return {f"{name} {m.as_of}": m.digest for name, m in manifests.items()}
