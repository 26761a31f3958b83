"""Tell runs that go on from runs that were killed: a killed run still holds its place in Dagster's pools.

Every run holds a lock on a file of its own, which the system lets go when the process ends, however it
ends. Dagster itself notices the end of one process, and not that of the machine: after a restart its run
would be `STARTED` for ever.
"""

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import dagster as dg

LOCK = "nightshift/lock"
"""Tag of a run of the command line: the name of its lock file under `<home>/dagster/running/`. Other runs'
is their id."""
KILLED = "The process was killed; run the night again, and it goes on."


@contextmanager
def alive(folder: Path, name: str | None = None) -> Iterator[str]:
    """Hold a lock while the block runs. Yields its name. The file holds this machine's name: of another's
    locks nobody here can tell."""
    path = folder / "running" / (name or uuid.uuid4().hex)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        file.write(socket.gethostname())
        file.flush()
        os.fsync(file.fileno())  # it must be there after a power cut
        try:
            yield path.name
        finally:
            path.unlink(missing_ok=True)


def known_alive(folder: Path, run: dg.DagsterRun) -> AbstractContextManager[object]:
    """Hold the lock of a run of the UI, a schedule or a sensor; a run of the command line has its own."""
    return nullcontext() if LOCK in run.tags else alive(folder, run.run_id)


def bury_the_dead(instance: dg.DagsterInstance, folder: Path) -> list[tuple[dg.DagsterRun, dg.DagsterEvent]]:
    """Mark runs whose process has ended as failed and free their places, or the next run would wait for
    them for ever.

    Returns them, each with the event that says so.
    """
    buried = []
    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished)):
        lock = folder / "running" / run.tags.get(LOCK, run.run_id)
        dead = _is_dead(lock) if lock.exists() else LOCK in run.tags
        if dead and not _has_ended(instance, run.run_id):
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            buried.append((run, instance.report_run_failed(run, KILLED)))
            lock.unlink(missing_ok=True)
    return buried


def _is_dead(lock: Path) -> bool:
    """Whether the lock's process was killed: nobody holds it, nobody let it go, and it was taken on this
    machine."""
    try:
        with lock.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock.exists() and file.read() == socket.gethostname()
    except (FileNotFoundError, BlockingIOError):
        return False  # it has just ended by itself, or goes on


def _has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run ended by itself while its lock was looked at."""
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished
