"""Which published nights may go, when only the newest are kept, and their removal.

Kept are the newest nights of the home, the newest night of every table (the last training and its report
among them), the night that the oldest kept one carries rows from and is compared with, and whatever the
manifests of all these name as their inputs. Ledger, models and reports are never touched: a removed night
that is wanted again is rebuilt from the ledger, at no cost. Training rows are made from kept nights only.
"""

import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nightshift.errors import NightshiftError
from nightshift.storage.durable import rename
from nightshift.storage.store import Store
from nightshift.tables import CANDIDATES

Snapshot = tuple[str, date]
"""A table's name and one of its nights."""


@dataclass(frozen=True, order=True)
class Removable:
    """A snapshot that nothing needs any more."""

    as_of: date
    table: str
    bytes: int
    folder: Path


def removable(
    store: Store, keep: int, carried: Iterable[str], running: Iterable[date] = ()
) -> list[Removable]:
    """Snapshots beyond the newest `keep` nights that nothing kept needs, oldest first. `running` nights
    are kept as well. `carried`: tables whose next night reads the one before; candidates, whose recalls
    are compared, are one of them."""
    published = {(table, night) for table, nights in store.published().items() for night in nights}
    spared = _needed(store, published, keep, {*carried, CANDIDATES.name}, set(running))
    return sorted(_measured(store, table, night) for table, night in published - spared)


def remove(found: Iterable[Removable]) -> int:
    """Remove the snapshots; returns their bytes. Each leaves its place in one rename: a reader finds a
    night whole or not at all, and one that has its files open reads on."""
    freed = 0
    for one in found:
        aside = one.folder.with_name(f".{one.folder.name}.removed-{uuid.uuid4().hex[:8]}")
        with suppress(FileNotFoundError):  # another process was faster
            rename(one.folder, aside)
            shutil.rmtree(aside, ignore_errors=True)
            freed += one.bytes
    return freed


def _needed(
    store: Store, published: set[Snapshot], keep: int, carried: set[str], running: set[date]
) -> set[Snapshot]:
    kept = set(sorted({night for _, night in published})[-keep:]) | running
    newest = {(table, max(night for name, night in published if name == table)) for table, _ in published}
    before = {(table, last) for table in carried for night in kept if (last := store.before(table, night))}
    return _with_inputs(store, published, {one for one in published if one[1] in kept} | newest | before)


def _with_inputs(store: Store, published: set[Snapshot], wanted: set[Snapshot]) -> set[Snapshot]:
    """The snapshots, their inputs, the inputs of those, and so on."""
    needed, unread = set[Snapshot](), wanted
    while unread:
        needed |= unread
        unread = {source for one in unread for source in _inputs(store, published, one)} - needed
    return needed


def _inputs(store: Store, published: set[Snapshot], one: Snapshot) -> set[Snapshot]:
    """What a manifest names; the whole night where it cannot be read."""
    table, night = one
    try:
        named = store.manifest(table, night).inputs
    except NightshiftError:
        return {other for other in published if other[1] == night}
    return {(other, day) for other, day in published if f"{other} {day}" in named}


def _measured(store: Store, table: str, night: date) -> Removable:
    folder, size = store.folder(table, night), 0
    with suppress(FileNotFoundError):  # another process is removing it
        size = sum(file.stat().st_size for file in folder.iterdir())
    return Removable(night, table, size, folder)
