"""Dagster's databases in SQLite, an engine each.

Dagster makes an engine for every event that it stores or reads, and SQLAlchemy compiles each statement anew
with every engine: a quarter of a small night. The engines hold no connection, so keeping them changes
nothing else.
"""

from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType

import dagster._core.storage.event_log.sqlite.sqlite_event_log as event_log
import dagster._core.storage.runs.sqlite.sqlite_run_storage as run_storage
from sqlalchemy.engine import Engine

MOST = 16
"""Engines kept a storage: a run has a database of events of its own."""
NAME = "create_engine"


def keep_engines() -> None:
    """From now on this process uses an engine again when Dagster asks for one of the same database."""
    for storage in (event_log, run_storage):
        _keep(storage)


def _keep(storage: ModuleType) -> None:
    create: Callable[..., Engine] | None = getattr(storage, NAME, None)
    if create is not None and not isinstance(create, _Kept):
        setattr(storage, NAME, _Kept(create))


class _Kept:
    """`create_engine` that remembers the newest engines by their address; a storage gives all of its own
    the same options."""

    def __init__(self, create: Callable[..., Engine]) -> None:
        self.create = create
        self.engines: OrderedDict[str, Engine] = OrderedDict()

    def __call__(self, address: str, **options: object) -> Engine:
        if address not in self.engines:
            self.engines[address] = self.create(address, **options)
        self.engines.move_to_end(address)
        while len(self.engines) > MOST:
            self.engines.popitem(last=False)
        return self.engines[address]
