"""Beam's direct runner on several processes, watched: a worker that dies costs its batch, not the night.

Beam's multi-process mode waits for ever for a worker that was killed (seen on 2.77: the error ends a thread, the main
thread never hears of it). So the runner lives in a process of its own that ends as soon as a worker does, and what is
left is run again. The child leads its own process group: whatever happens, nothing of it survives.
"""

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from nightshift.config import BeamSettings
from nightshift.errors import NightFailed
from pipelines.pipeline import Task, last_line, run_pipeline
from pipelines.work import Place
from pipelines.workers import threads_each

log = logging.getLogger(__name__)

RESTARTS = 3
"""How often lost workers are replaced before the night fails; Dask gives up after as many."""
WORKER_LOST = 75
"""Exit code of the child when a worker died."""
FAILED = 76
"""Exit code when a task raised; the message is in the work folder."""


def in_processes(settings: BeamSettings, places: list[Place], task: Task) -> None:
    """Do every batch on `settings.workers` processes. Raises NightFailed with the task's message, or when workers keep dying."""
    for attempt in range(RESTARTS + 1):
        left = [place for place in places if not place.done] if attempt else places
        code = _supervised(settings, left, task)
        if code == 0:
            return
        if code == FAILED:
            raise NightFailed(f"a worker failed: {_message_file(left).read_text('utf-8')}")
        log.warning("a worker process died (exit code %d); what it had in its hands is asked again", code)
    raise NightFailed(f"worker processes died {RESTARTS + 1} times; is memory short? Set beam.workers lower, or a smaller beam.batch_rows")


def _supervised(settings: BeamSettings, places: list[Place], task: Task) -> int:
    with threads_each(settings.threads_of_a_worker):
        child = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, start_new_session=True)
    try:
        assert child.stdin is not None
        pickle.dump((settings, places, task), child.stdin)
        child.stdin.flush()  # left open: its end tells the child that we are gone
        return child.wait()
    finally:
        _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the whole group: workers outlive a runner that was killed."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _message_file(places: list[Place]) -> Path:
    return Path(places[0].path).with_name("failed.txt")


def _follow(parent: IO[bytes]) -> None:
    """End the group when the parent is gone."""
    parent.read()
    os.killpg(0, signal.SIGKILL)


def _worker_died(what: threading.ExceptHookArgs) -> None:
    threading.__excepthook__(what)
    if what.thread is not None and what.thread.name == "run_worker":  # Beam's thread that waits for one worker process
        os._exit(WORKER_LOST)


def _main() -> None:
    settings, places, task = pickle.load(sys.stdin.buffer)
    threading.excepthook = _worker_died
    threading.Thread(target=_follow, args=(sys.stdin.buffer,), daemon=True).start()
    options = ["--direct_running_mode=multi_processing", f"--direct_num_workers={settings.workers}", *settings.options]
    try:
        run_pipeline("FnApiRunner", options, places, task)
    except Exception as error:
        _message_file(places).write_text(last_line(str(error)), "utf-8")
        os._exit(FAILED)
    os._exit(0)  # Beam's threads have nothing left to say


if __name__ == "__main__":
    _main()
