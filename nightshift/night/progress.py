"""How far a run is, in a small file that anybody may read while it goes on: what `nightshift watch` shows.

    <home>/progress/<night>-<run>.json      replaced whole by renames, a few times a minute

Only the run's own process writes it. Reading it takes no lock, loads no model and asks no database, and
nothing in a night depends on it: a file that cannot be written is left unwritten.
"""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from nightshift.night.heartbeat import EVERY_SECONDS, Beat
from nightshift.storage.sweep import sweep

KEPT_SECONDS = 30 * 86_400.0
"""Files of runs that ended a month ago are swept."""
SILENT_SECONDS = 60.0
"""A run on another machine that wrote nothing for so long is taken for dead; it writes every few seconds."""
PAUSE_SECONDS = 15.0
"""Longest silence between two steps of a run of which one failed: what hangs on the failed one is not
begun."""

State = Literal["running", "done", "failed", "stopped"]
"""Of a run: `stopped` is a run whose process has gone before its last table."""


class Step(BaseModel, extra="forbid", frozen=True):
    """One table of a run."""

    table: str
    state: Literal["running", "done", "failed"]
    started_at: datetime
    ended_at: datetime | None = None
    rows: int | None = None
    """Rows published."""
    message: str | None = None
    """Why it failed."""
    beat: Beat | None = None
    """The newest heartbeat, where a model works."""


class RunState(BaseModel, extra="forbid", frozen=True):
    """One night of one run."""

    run_id: str
    as_of: date
    job: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    """When the file was last written."""
    tables: tuple[str, ...]
    """What the run will publish, in order."""
    steps: dict[str, Step] = {}

    def state(self, now: datetime) -> State:
        """What has become of the run, judged from outside."""
        if all(table in self.steps and self.steps[table].state != "running" for table in self.tables):
            return "failed" if self._failed else "done"
        silent = (now - self.beat_at).total_seconds()
        working = any(step.state == "running" for step in self.steps.values())
        if self._failed and not working and silent > PAUSE_SECONDS:
            return "failed"
        gone = not _is_alive(self.pid) if self.host == socket.gethostname() else silent > SILENT_SECONDS
        return ("failed" if self._failed else "stopped") if gone else "running"

    @property
    def _failed(self) -> bool:
        return any(step.state == "failed" for step in self.steps.values())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_writing = threading.Lock()
"""Steps, heartbeats and pulses of one process write one after the other."""


class Progress:
    """Writes the progress of one night of one run."""

    def __init__(self, home: Path, as_of: date, run_id: str) -> None:
        self._path = home / "progress" / f"{as_of}-{run_id}.json"
        self._as_of, self._run_id = as_of, run_id

    @contextmanager
    def step(
        self,
        table: str,
        job: str,
        tables: tuple[str, ...],
        rows: Callable[[], int],
        every: float = EVERY_SECONDS,
    ) -> Iterator[None]:
        """Say that a table is being made while the block runs, then how many `rows` it has, or why it
        failed."""
        sweep(self._path.parent.glob("*"), KEPT_SECONDS)
        started = Step(table=table, state="running", started_at=datetime.now(UTC))
        self._change(lambda run: _with(run.model_copy(update={"job": job, "tables": tables}), started))
        stop = threading.Event()
        pulse = threading.Thread(
            target=self._pulse, args=(stop, every), name=f"progress-{table}", daemon=True
        )
        pulse.start()
        try:
            yield
        except BaseException as error:
            words = str(error).strip() or type(error).__name__
            self._end(table, state="failed", message=words)
            raise
        else:
            self._end(table, state="done", rows=rows())
        finally:
            stop.set()

    def beat(self, beat: Beat) -> None:
        """Keep the newest heartbeat of a table."""
        self._change(
            lambda run: (
                _with(run, run.steps[beat.table].model_copy(update={"beat": beat}))
                if beat.table in run.steps
                else run
            )
        )

    def _end(self, table: str, **values: object) -> None:
        ended = {"ended_at": datetime.now(UTC)} | values
        self._change(
            lambda run: _with(run, run.steps[table].model_copy(update=ended)) if table in run.steps else run
        )

    def _pulse(self, stop: threading.Event, every: float) -> None:
        while not stop.wait(every):
            self._change(lambda run: run)

    def _change(self, change: Callable[[RunState], RunState]) -> None:
        with (
            _writing,
            suppress(OSError),
        ):  # a full disk fails the night by itself; what only shows it must not
            now = datetime.now(UTC)
            _write(self._path, change(self._read(now)).model_copy(update={"beat_at": now}))

    def _read(self, now: datetime) -> RunState:
        return read(self._path) or RunState(
            run_id=self._run_id,
            as_of=self._as_of,
            job="",
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=now,
            beat_at=now,
            tables=(),
        )


def _with(run: RunState, step: Step) -> RunState:
    return run.model_copy(update={"steps": run.steps | {step.table: step}})


def _write(path: Path, run: RunState) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        hidden.write_text(run.model_dump_json(indent=1), "utf-8")
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def read(path: Path) -> RunState | None:
    """What a file says; None where it is not there or, after a power cut, not whole."""
    try:
        return RunState.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def runs(home: Path, as_of: date | None = None) -> list[RunState]:
    """Every run that left a file, the one that wrote last first; of one night only, when a night is given."""
    found = [run for path in (home / "progress").glob(f"{as_of or '*'}-*.json") if (run := read(path))]
    return sorted(found, key=lambda run: run.beat_at, reverse=True)


def newest(home: Path, now: datetime, as_of: date | None = None) -> RunState | None:
    """The run to look at: one that is running, else the one that wrote last. None where no run ever left a
    file."""
    found = runs(home, as_of)
    return next((run for run in found if run.state(now) == "running"), found[0] if found else None)
