"""Killed workers and wrong addresses. The model is a server in this process, so that what was asked is
counted where it is asked."""

import importlib.util
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from nightshift.errors import ConfigError, NightFailed
from nightshift.night.config import BeamSettings, Settings
from nightshift.night.night import Night
from pipelines.answer_prompts import answer_prompts
from tests.loopback import Loopback, proper
from tests.web_server import free_port

pytestmark = pytest.mark.loopback
AS_OF = date(2024, 1, 2)
ROWS, BATCH = 48, 4
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
EVENTS = pl.DataFrame(
    schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")}
)


def night(home: Path, url: str, **beam: Any) -> Night:
    llm = {
        "backend": "openai",
        "model": "tiny@r1",
        "server": {"base_url": url, "api_key_env": None, "concurrency": 1, "retries": 1},
    }
    raw = {
        "sources": SOURCES,
        "nights": {"first": AS_OF},
        "llm": llm,
        "encoder": {"backend": "hashing"},
        "home": home,
    }
    return Night(Settings.model_validate(raw | {"beam": beam | {"batch_rows": BATCH}}), AS_OF, "run")


def pending(tonight: Night) -> pl.DataFrame:
    names = {"item_id": [f"i{n}" for n in range(ROWS)], "title": [f"Film {n}" for n in range(ROWS)]}
    items = pl.DataFrame(names).with_columns(text=pl.lit(None, pl.String), attributes=pl.lit(["Drama"]))
    return tonight.given(items, EVENTS).step("item_facts").requests


def answer(tonight: Night) -> dict[str, int]:
    return answer_prompts(tonight.settings, "item_facts", AS_OF, "run", pending(tonight))


class Killing:
    """Kills one worker with SIGKILL while it waits for the server's reply to request number `at`."""

    def __init__(self, at: int, is_worker: Callable[[psutil.Process], bool]) -> None:
        self.at, self.is_worker, self.killed = at, is_worker, 0

    def __call__(self, asked: Any) -> Any:
        if asked.number == self.at:
            threading.Thread(target=self._kill).start()
        return proper(delay=0.05)

    def _kill(self) -> None:
        worker = next(child for child in psutil.Process().children(recursive=True) if self.is_worker(child))
        worker.send_signal(signal.SIGKILL)
        self.killed += 1


def is_sdk_worker(process: psutil.Process) -> bool:
    return "apache_beam.runners.worker.sdk_worker_main" in process.cmdline()


def is_dask_worker(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline()) and "multiprocessing.resource_tracker" not in " ".join(
        process.cmdline()
    )


def asked_more_than_once(server: Loopback) -> int:
    return sum(count - 1 for count in Counter(asked.text for asked in server.asked).values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beam", "is_worker"),
    [({"workers": 2}, is_sdk_worker), ({"runner": "DaskRunner", "workers": 2}, is_dask_worker)],
    ids=["processes", "dask"],
)
def test_a_killed_worker_costs_at_most_its_batch_and_the_night_goes_on(
    tmp_path: Path, beam: Any, is_worker: Any, caplog: Any
) -> None:
    killing = Killing(ROWS // 2, is_worker)
    with Loopback(killing) as server:
        tonight = night(tmp_path, server.url, **beam)
        assert answer(tonight) == {"rows": ROWS, "accepted": ROWS, "rejected": 0}
        assert killing.killed == 1
        assert {asked.text for asked in server.asked} == set(pending(tonight)["text"])
        assert asked_more_than_once(server) <= BATCH
    rows = pl.concat(pl.read_parquet(part, columns=["row_id"]) for part in tonight.ledgers.answers.parts())
    assert sorted(rows["row_id"]) == sorted(f"i{n}" for n in range(ROWS)), "no answer lost, none stored twice"
    assert not [*(tmp_path / "work").iterdir()]
    assert not [child for child in psutil.Process().children(recursive=True) if is_worker(child)]


@pytest.mark.slow
def test_workers_that_keep_dying_fail_the_night_and_keep_what_was_answered(tmp_path: Path) -> None:
    def kill_everybody(asked: Any) -> Any:
        if asked.number % 8 == 7:
            for child in psutil.Process().children(recursive=True):
                if is_sdk_worker(child):
                    child.send_signal(signal.SIGKILL)
        return None

    with Loopback(kill_everybody) as server:
        tonight = night(tmp_path, server.url, workers=2)
        with pytest.raises(NightFailed, match="worker processes died"):
            answer(tonight)
    assert 0 < tonight.ledgers.answers.keys().len() < ROWS


NIGHT = """
import sys
from pathlib import Path
from tests.pipelines.test_runners import answer, night
if __name__ == "__main__":
    answer(night(Path(sys.argv[1]), sys.argv[2], workers=2))
"""


@pytest.mark.slow
def test_a_killed_night_leaves_no_worker_process_behind(tmp_path: Path) -> None:
    started: set[psutil.Process] = set()

    def kill_the_parent(asked: Any) -> Any:
        if asked.number == 6:
            started.update(parent.children(recursive=True))
            parent.send_signal(signal.SIGKILL)
        return proper(delay=0.05)

    with Loopback(kill_the_parent) as server:
        command = [sys.executable, "-c", NIGHT, str(tmp_path), server.url]
        parent = psutil.Popen(command, cwd=Path(__file__).parents[2], env=os.environ | {"PYTHONPATH": "."})
        assert parent.wait(60) == -signal.SIGKILL
        _, alive = psutil.wait_procs(started, timeout=20)
    assert len(started) >= 3, "the runner and its two workers"
    assert not alive


@pytest.mark.slow
def test_what_a_worker_process_raises_fails_the_night_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(NightFailed, match=r"a worker failed: .*127\.0\.0\.1") as failed:
        answer(night(tmp_path, f"http://127.0.0.1:{free_port()}/v1", workers=2))
    assert "\n" not in str(failed.value)


def test_a_runner_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    for runner, address in (("PortableRunner", nobody), ("DaskRunner", f"tcp://{nobody}")):
        with pytest.raises(NightFailed, match=f"nobody answers at beam.address {address}"):
            answer(night(tmp_path, f"http://{nobody}/v1", runner=runner, address=address))
    with pytest.raises(ConfigError, match="write it like localhost:8099"):
        answer(night(tmp_path, f"http://{nobody}/v1", runner="PortableRunner", address="flink"))
    assert time.monotonic() - began < 5


def test_a_runner_whose_package_is_missing_names_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("google.cloud"):
        pytest.skip("apache-beam[gcp] is installed here")
    with pytest.raises(ConfigError, match=r"install 'apache-beam\[gcp\]'"):
        answer(
            night(
                tmp_path,
                "http://127.0.0.1:1/v1",
                runner="DataflowRunner",
                options=["--project=shop", "--region=nowhere"],
            )
        )


@pytest.mark.parametrize(
    ("beam", "message"),
    [
        ({"runner": "PrismRunner"}, "downloads a program"),
        ({"runner": "PortableRunner"}, "needs beam.address"),
        ({"address": "localhost:1"}, "DirectRunner has no beam.address"),
        ({"runner": "DaskRunner", "address": "tcp://h:1", "workers": 2}, "brings its own"),
        ({"workers": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_the_way_out(beam: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BeamSettings.model_validate(beam)


def test_workers_share_the_cores() -> None:
    cores = os.cpu_count() or 1
    assert BeamSettings(workers=1).threads_of_a_worker == cores
    assert BeamSettings(workers=cores).threads_of_a_worker == 1
    assert BeamSettings(workers=4 * cores).threads_of_a_worker == 1
    assert BeamSettings(workers=2, threads=3).threads_of_a_worker == 3
