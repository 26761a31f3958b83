"""A run of the UI that dies with its machine: Dagster would call it started for ever, and its step would
keep the model's only place."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from jobs.graph import build
from jobs.run_locks import KILLED, alive, bury_the_dead
from jobs.running import dagster_home, open_instance
from nightshift.night.config import load_settings
from tests.shop import Shop


def nightly(config: str) -> dg.JobDefinition:
    """The job, as another process would find it again."""
    return build(Path(config)).resolve_job_def("nightly_enrichment")


def work(config: Path, night: str, folder: Path) -> str:
    """A night, as Dagster's own processes run it. Returns the run's id."""
    job = dg.build_reconstructable_job("tests.jobs.test_killed_runs", "nightly", (str(config),))
    with open_instance(folder) as instance:
        return dg.execute_job(job, instance, tags={"dagster/partition": night}).run_id


def work_until_killed(config: Path, night: str, folder: Path) -> None:
    """The same, until the first answers are about to be stored."""

    def strike(event: str, words: tuple[Any, ...]) -> None:
        if event == "os.rename" and "/ledger/answers/" in str(words[0]):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(strike)
    work(config, night, folder)


@pytest.mark.slow
def test_a_killed_run_is_marked_as_failed_and_the_next_night_gets_its_place(shop: Shop) -> None:
    night, later, *_ = (night.isoformat() for night in shop.nights())
    folder = dagster_home(load_settings(shop.config))
    process = multiprocessing.get_context("spawn").Process(
        target=work_until_killed, args=(shop.config, night, folder)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with open_instance(folder) as instance:
        [killed] = instance.get_runs()
        assert killed.status == dg.DagsterRunStatus.STARTED
        assert instance.event_log_storage.get_concurrency_info("model").active_slot_count == 1
        context = dg.build_sensor_context(instance=instance)
        sensor = build(shop.config).resolve_sensor_def("killed_night")
        assert sensor.evaluate_tick(context).skip_message == f"marked as failed: {killed.run_id}"
        assert instance.get_runs()[0].status == dg.DagsterRunStatus.FAILURE
        assert KILLED in [event.message for event in instance.all_logs(killed.run_id)]
        assert instance.event_log_storage.get_concurrency_info("model").active_slot_count == 0
        assert sensor.evaluate_tick(context).skip_message == "no run was killed"
    next_one = work(shop.config, later, folder)
    with open_instance(folder) as instance:
        found = instance.get_run_by_id(next_one)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.SUCCESS
    assert list((folder / "running").iterdir()) == []


def test_a_run_that_goes_on_or_of_another_machine_or_without_a_lock_is_left_alone(shop: Shop) -> None:
    folder, night = dagster_home(load_settings(shop.config)), shop.nights()[0].isoformat()
    job = nightly(str(shop.config))
    with open_instance(folder) as instance:
        here, elsewhere, unknown = (
            instance.create_run_for_job(
                job, status=dg.DagsterRunStatus.STARTED, tags={"dagster/partition": night}
            ).run_id
            for _ in range(3)
        )
        with alive(folder, here):
            (folder / "running" / elsewhere).write_text("another-machine")
            assert bury_the_dead(instance, folder) == []
        assert {run.run_id for run in instance.get_runs() if run.status == dg.DagsterRunStatus.STARTED} == {
            here,
            elsewhere,
            unknown,
        }
