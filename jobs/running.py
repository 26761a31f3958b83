"""Run a Dagster job from the command line: the same jobs, the same instance, the same pages as from the
UI."""

import fcntl
import os
import time
from datetime import date
from pathlib import Path

import dagster as dg
import yaml

from jobs.after_run import first_failure, tell_failure, tell_over_budget, tidy
from jobs.console import console, story
from jobs.engines import keep_engines
from jobs.graph import build
from jobs.homes import addressable, dagster_folder
from jobs.run_locks import LOCK, alive, bury_the_dead
from jobs.stopped import stopped, told_in_a_line, was_stopped
from nightshift.errors import ConfigError, NightFailed, SourceError
from nightshift.night.config import Settings
from nightshift.storage.yaml_text import read_yaml

WRONG_INPUT = (SourceError.__name__, ConfigError.__name__)
"""Errors of an asset that are the input's fault: the command ends with 2, as it would have before the run."""
INSTANCE = """\
# Written by nightshift. One step at a time in each pool: two models on one machine run slower than one after
# the other.
concurrency:
  pools:
    default_limit: 1
telemetry:
  enabled: false
nux:
  enabled: false
"""

IN_THE_TERMINAL = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}
"""What a run prints is in front of whoever typed it. Copying it to files as well takes Dagster four
processes a step."""


def dagster_home(settings: Settings) -> Path:
    """Where Dagster keeps runs and events of this home; made when missing. Raises ConfigError when it
    cannot be."""
    folder = addressable(dagster_folder(settings), settings)
    if not (folder / "dagster.yaml").exists():
        written = folder / f".dagster.yaml.{os.getpid()}"
        written.write_text(INSTANCE, "utf-8")
        written.rename(folder / "dagster.yaml")
    return folder


def open_instance(folder: Path) -> dg.DagsterInstance:
    """Dagster's runs and events, as `dagster.yaml` sets them; output is copied only where that file says
    where to.

    One process at a time: two that made the tables at once would break each other's.
    """
    keep_engines()
    with (folder / "opening.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = read_yaml((folder / "dagster.yaml").read_text("utf-8"), str(folder / "dagster.yaml")) or {}
        (folder / "terminal.yaml").write_text(
            yaml.safe_dump({"compute_logs": IN_THE_TERMINAL} | told), "utf-8"
        )
        return dg.DagsterInstance.from_config(str(folder), "terminal.yaml")


def run_job(config: Path, home: Path | None, settings: Settings, job: str, as_of: date) -> None:
    """Run a job for one night. Raises the first failure's message: SourceError when the input is wrong,
    else NightFailed; NightStopped for Ctrl-C or a signal, with what is stored."""
    with told_in_a_line(job, as_of):
        _run(config, home, settings, job, as_of)


def _run(config: Path, home: Path | None, settings: Settings, job: str, as_of: date) -> None:
    definitions = dg.Definitions.merge(build(config, home), dg.Definitions(loggers={"console": story}))
    folder = dagster_home(settings)
    os.environ["DAGSTER_HOME"] = str(folder)  # sub-processes of a run find the same instance
    console.print(f"[bold]{job}[/bold] {as_of}")
    started = time.monotonic()
    with open_instance(folder) as instance, alive(folder) as lock:
        for dead, event in bury_the_dead(instance, folder):
            tell_failure(settings, instance, dead, [event])
        result = definitions.resolve_job_def(job).execute_in_process(
            partition_key=as_of.isoformat(),
            instance=instance,
            raise_on_error=False,
            tags={LOCK: lock},
            run_config={"loggers": {"console": {}}},
        )
        if not result.success:
            tell_failure(settings, instance, result.dagster_run, result.all_events)
            if was_stopped(result.all_events):
                raise stopped(settings, job, as_of, result.run_id, result.all_events)
            step, kind, message = first_failure(result.all_events)
            told = f"{step}: {message}" if step else message
            raise (SourceError if kind in WRONG_INPUT else NightFailed)(f"{job} of {as_of} failed. {told}")
        tell_over_budget(settings, result.dagster_run)
        tidied = tidy(settings, result.dagster_run)
    if tidied:
        console.print(f"  [dim]{tidied}[/dim]")
    console.print(f"  [dim]done in {time.monotonic() - started:.0f} s, Dagster run {result.run_id[:8]}[/dim]")
