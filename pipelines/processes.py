"""Beam's direct runner on several processes, watched: a worker that dies costs its batch, not the night.

Beam's multi-process mode waits for ever for a worker that was killed (seen on 2.77: the error ends a
thread, the main thread never hears of it). So the runner lives in a process of its own that ends as soon
as a worker does, and what is left is run again. The child leads its own process group: whatever happens,
nothing of it survives.
"""

import contextlib
import logging
import os
import pickle
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from nightshift.errors import NightFailed
from nightshift.night.config import BeamSettings
from nightshift.streams import forgive
from pipelines.pipeline import Task, last_line, run_pipeline
from pipelines.work import Place
from pipelines.workers import threads_each

log = logging.getLogger(__name__)

RESTARTS = 3
"""How often lost workers are replaced before the night fails; Dask gives up after as many."""
WORKER_LOST = 75
"""Exit code of the child when a worker died."""
FAILED = 76
"""Exit code when a task raised."""
MESSAGE, LOG, STOP = "failed.txt", "workers.log", "stop"
"""Files in the work folder: why the child ended; what workers printed; begin no more batches."""
GRACE_SECONDS = 300.0
"""How long the other workers may take to finish their batches after one died."""


def in_processes(settings: BeamSettings, places: list[Place], task: Task) -> None:
    """Do every batch on `settings.workers` processes. Raises NightFailed with the task's message, or when
    workers keep dying."""
    for _ in range(RESTARTS + 1):
        code = _supervised(settings, places, task)
        if code == 0:
            return
        if code == FAILED:
            raise NightFailed(f"a worker failed: {places[0].beside(MESSAGE).read_text('utf-8')}")
        if code > 0 and code != WORKER_LOST:
            raise NightFailed(
                f"the runner's process could not work (exit code {code}); what it printed says why"
            )
        log.warning("%s; what it had in its hands is asked again", _last_words(places[0], code))
        places = _left(places)
        if not places:
            return
    raise NightFailed(
        f"worker processes died {RESTARTS + 1} times; is memory short? Set beam.workers or "
        f"beam.batch_rows lower"
    )


def _left(places: list[Place]) -> list[Place]:
    """What is not done, ready for new workers."""
    left = [place for place in places if not place.done]
    for place in left:
        place.lose()
    if left:
        left[0].beside(STOP).unlink(missing_ok=True)
    return left


def _last_words(place: Place, code: int) -> str:
    return (
        last_line(place.beside(MESSAGE).read_text("utf-8"))
        if code == WORKER_LOST
        else f"the runner's process ended with code {code}"
    )


def _supervised(settings: BeamSettings, places: list[Place], task: Task) -> int:
    variables = os.environ | threads_each(settings.threads_of_a_worker)
    child = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, start_new_session=True, env=variables
    )
    try:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a child that dies early says so by its exit code
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
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()


def _follow(parent: IO[bytes]) -> None:
    """End the group when the parent is gone."""
    parent.read()
    os.killpg(0, signal.SIGKILL)


def _runner(log_file: Path) -> Any:
    """Beam's direct runner whose workers write what they say last to a file; their logs come through Beam
    all the same."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability.api import beam_provision_api_pb2
    from apache_beam.runners.portability.fn_api_runner.fn_runner import ExtendedProvisionInfo, FnApiRunner
    from apache_beam.runners.portability.portable_runner import JobServiceHandle
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    command = (
        f"exec {shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main "
        f"2>>{shlex.quote(str(log_file))}"
    )
    levels = PipelineOptions(
        ["--default_sdk_harness_log_level=WARNING", '--sdk_harness_log_level_overrides={"__main__":"ERROR"}']
    )
    told = JobServiceHandle.encode_pipeline_options(levels.get_all_options(drop_default=True))
    provision = ExtendedProvisionInfo(beam_provision_api_pb2.ProvisionInfo(pipeline_options=told))
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command), provision_info=provision)


class Mourner:
    """Ends the runner's process after a worker died, once the others have finished the batches in their
    hands."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places
        self.lost = 0

    def __call__(self, what: threading.ExceptHookArgs) -> None:
        """The hook for exceptions that end a thread; Beam has a thread named run_worker for each worker
        process."""
        if what.thread is None or what.thread.name != "run_worker":
            threading.__excepthook__(what)
            return
        self.lost += 1
        self.places[0].beside(STOP).touch()
        self.places[0].beside(MESSAGE).write_text(str(what.exc_value), "utf-8")
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and sum(place.in_hand for place in self.places) > self.lost:
            time.sleep(0.05)
        os._exit(WORKER_LOST)


def _main() -> None:
    forgive()
    settings, places, task = pickle.load(sys.stdin.buffer)
    threading.excepthook = Mourner(places)
    threading.Thread(target=_follow, args=(sys.stdin.buffer,), daemon=True).start()
    logging.getLogger("apache_beam.runners.portability.fn_api_runner.fn_runner").setLevel(
        logging.ERROR
    )  # our workers are no mistake
    try:
        run_pipeline(
            _runner(places[0].beside(LOG)),
            [f"--direct_num_workers={settings.workers}", *settings.options],
            places,
            task,
        )
    except Exception as error:
        places[0].beside(MESSAGE).write_text(last_line(str(error)), "utf-8")
        os._exit(FAILED)
    os._exit(0)  # Beam's threads have nothing left to say


if __name__ == "__main__":
    _main()
