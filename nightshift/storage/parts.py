"""A folder of Parquet parts that are written whole, never changed, and known by the SHA-256 of their bytes.

    <folder>/<time>-<run>-<digest>.parquet            one append
    <folder>/<time>-compacted-<digest>.parquet        several appends in one file; its metadata names the
    parts it replaces <folder>/torn/                                    parts whose bytes are not what
    their name promises

A part is written under a hidden name, synced and renamed, so a reader sees whole parts only. A process
hashes a part once, however often it reads it; a part that another process adds is in the next listing.
"""

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import polars as pl

from nightshift.errors import NightshiftError
from nightshift.storage.durable import make_folder, rename, sync
from nightshift.storage.sweep import sweep

log = logging.getLogger(__name__)

BIG_BYTES = 64 * 2**20
"""No merge writes more than this at once, whatever the ledger weighs: it bounds the memory and the time of
a compaction."""
SETTLED_BYTES = BIG_BYTES // 2
"""A part of this size is never rewritten by a merge: two of them would be too big."""
COMPACTED = "compacted"
REPLACES = "nightshift.replaces"
"""Metadata key of a compacted part: a JSON list of the names it stands for."""
DIGEST_LENGTH = 32
READS = 10
"""How often a read starts over because another run compacted its parts away; once is already rare."""
YOUNG_NS = 2_000_000_000
"""A file changed so recently may change again within one tick of the file system's clock, unseen by its
time."""

Read = TypeVar("Read")
Stamp = tuple[int, int, int]
"""Inode, bytes and time of the last change of a file."""
_hashed: dict[Path, Stamp] = {}
"""Parts that this process has found whole."""


class Parts:
    """The parts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mine: dict[Path, Stamp] = {}

    def write(self, frame: pl.DataFrame, stem: str, replaces: Iterable[Path] = ()) -> Path:
        """Add a frame as one part, whole or not at all, and for good. Returns the part."""
        make_folder(self.folder)
        hidden = self.folder / f".{stem}.parquet.{uuid.uuid4().hex[:8]}"
        names = sorted(path.name for path in replaces)
        try:
            with hidden.open("wb") as file:
                frame.write_parquet(
                    file, compression="zstd", metadata={REPLACES: json.dumps(names)} if names else None
                )
            sync(hidden)
            part = self.folder / f"{stem}-{digest_of(hidden)}.parquet"
            rename(hidden, part)
        finally:
            hidden.unlink(missing_ok=True)
        self._mine[part] = _stamp(part)
        return part

    def undisturbed(self, read: Callable[[], Read]) -> Read:
        """What `read` gives once no other run takes parts away meanwhile. Raises NightshiftError when they
        vanish again and again."""
        for _ in range(READS):
            with suppress(FileNotFoundError):
                return read()
        raise NightshiftError(
            f"the parts of {self.folder} vanished {READS} times while they were read; is something "
            f"deleting them?"
        )

    def whole(self) -> list[Path]:
        """Parts that are what their names promise, oldest first. A torn part is set aside and named in the
        log."""
        return self.undisturbed(
            self._whole
        )  # a part that is listed and then gone stands in another part, which was not listed

    def _whole(self) -> list[Path]:
        stamps = {part: _stamp(part) for part in self._listed()}
        new = [
            part for part, stamp in stamps.items() if stamp not in (self._mine.get(part), _hashed.get(part))
        ]
        if new:
            with ThreadPoolExecutor() as pool:  # hashing leaves the interpreter free
                good = dict(
                    zip(new, pool.map(lambda part: self._check(part, stamps[part]), new), strict=True)
                )
            return [part for part in stamps if good.get(part, True)]
        return list(stamps)

    def _listed(self) -> list[Path]:
        """The folder's parts at one moment. A system reads a long folder piece by piece, and a compaction
        between two pieces can hide both the parts it merged and the one it made; two listings alike had
        none between them."""
        first, second = None, sorted(self.folder.glob("*.parquet"))
        while first != second:
            first, second = second, sorted(self.folder.glob("*.parquet"))
        return second

    def _check(self, part: Path, stamp: Stamp) -> bool:
        good = digest_of(part) == part.stem.rsplit("-", 1)[-1]
        if not good:
            self._set_aside(part)
        elif time.time_ns() - stamp[2] > YOUNG_NS:
            _hashed[part] = stamp
        else:
            self._mine[part] = stamp
        return good

    def _set_aside(self, part: Path) -> None:
        torn = self.folder / "torn" / part.name
        torn.parent.mkdir(exist_ok=True)
        try:
            part.replace(torn)
        except FileNotFoundError:
            return  # another run has set it aside
        log.warning(
            "%s is torn: its bytes are not what its name promises. Moved to %s; its rows will be "
            "asked again.",
            part,
            torn.parent,
        )

    def replace(self, parts: list[Path], frame: pl.DataFrame) -> None:
        """Put the frame in the place of parts. Killed half way, rows stand twice until `finish`."""
        written = (
            self.write(frame, f"{parts[0].name.split('-')[0]}-{COMPACTED}", parts) if frame.height else None
        )
        for part in parts:
            if part != written:
                part.unlink(missing_ok=True)

    def finish(self) -> None:
        """Remove what killed processes left: old hidden files, and parts that a compacted one stands for."""
        sweep(self.folder.glob(".*.parquet.*"))
        for part in self.whole():
            if f"-{COMPACTED}-" in part.name:
                for name in _replaced(part):
                    (self.folder / name).unlink(missing_ok=True)

    def unsettled(self) -> int:
        """How many parts a merge could still take."""
        return sum(stamp[1] < SETTLED_BYTES for part in self.whole() if (stamp := _stamp_or_none(part)))

    def groups(self) -> list[list[Path]]:
        """Neighbours worth merging, oldest first: never a settled part, never more than BIG_BYTES
        together."""
        sizes = [(part, stamp[1]) for part in self.whole() if (stamp := _stamp_or_none(part))]
        return [group for group in _grouped(sizes) if len(group) > 1]


def _grouped(sizes: list[tuple[Path, int]]) -> Iterator[list[Path]]:
    """From the newest back: a part joins those after it unless it is more than twice their sum, which
    keeps merges logarithmic (O'Neil et al., The Log-Structured Merge-Tree, 1996)."""
    group: list[Path] = []
    weight = 0
    for part, size in reversed(sizes):
        if group and (
            size > 2 * weight or size >= SETTLED_BYTES or weight >= SETTLED_BYTES or size + weight > BIG_BYTES
        ):
            yield group[::-1]
            group, weight = [], 0
        group.append(part)
        weight += size
    if group:
        yield group[::-1]


def digest_of(path: Path) -> str:
    """The part of a file's SHA-256 that is in its name. Reads it in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


def _replaced(part: Path) -> list[str]:
    try:
        names: list[str] = json.loads(pl.read_parquet_metadata(part).get(REPLACES, "[]"))
    except FileNotFoundError:
        return []  # compacted away by another run
    return [name for name in names if name != part.name]


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _stamp_or_none(path: Path) -> Stamp | None:
    try:
        return _stamp(path)
    except FileNotFoundError:
        return None
