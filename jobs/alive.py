"""Tell runs that go on from runs that were killed: a killed run still holds its place in Dagster's pools.

Every run of the command line holds a lock on a file of its own, which the system lets go when the process ends, however
it ends. Runs started from Dagster's UI have no such file and are left to Dagster.
"""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

LOCK = "nightshift/lock"
"""Tag of a run: the name of its lock file under `<home>/dagster/running/`."""


@contextmanager
def alive(folder: Path) -> Iterator[str]:
    """Hold a lock while the block runs. Yields its name."""
    path = folder / "running" / uuid.uuid4().hex
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield path.name
        finally:
            path.unlink(missing_ok=True)


def bury_the_dead(instance: dg.DagsterInstance, folder: Path) -> list[tuple[dg.DagsterRun, dg.DagsterEvent]]:
    """Mark runs whose process has ended as failed and free their places, or the next run would wait for them for ever.

    Returns them, each with the event that says so.
    """
    buried = []
    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished)):
        if LOCK in run.tags and _is_dead(folder / "running" / run.tags[LOCK]):
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            buried.append((run, instance.report_run_failed(run, "The process was killed; run the night again, and it goes on.")))
            (folder / "running" / run.tags[LOCK]).unlink(missing_ok=True)
    return buried


def _is_dead(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
