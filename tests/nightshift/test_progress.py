"""What a run leaves for those who watch it, and how they tell from outside what has become of it."""

import json
import os
import socket
import subprocess
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from nightshift.night.heartbeat import Beat
from nightshift.night.progress import (
    PAUSE_SECONDS,
    SILENT_SECONDS,
    Progress,
    RunState,
    Step,
    newest,
    read,
    runs,
)

NIGHT, NOW = date(2024, 1, 1), datetime(2024, 1, 1, 2, tzinfo=UTC)
TABLES = ("items", "item_facts")


def file(home: Path) -> RunState:
    (run,) = runs(home)
    return run


def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def run(pid: int | None = None, host: str | None = None, silent: float = 0, **steps: str) -> RunState:
    at = NOW - timedelta(seconds=silent)
    made = {name: Step(table=name, state=state, started_at=at) for name, state in steps.items()}  # type: ignore[arg-type]
    mine = {"pid": os.getpid() if pid is None else pid, "host": host or socket.gethostname()}
    return RunState(
        run_id="r", as_of=NIGHT, job="nightly", started_at=at, beat_at=at, tables=TABLES, steps=made, **mine
    )


def test_a_step_is_seen_while_it_runs_and_with_its_rows_afterwards(tmp_path: Path) -> None:
    progress = Progress(tmp_path, NIGHT, "r1")
    with progress.step("items", "nightly", TABLES, rows=lambda: 60):
        seen = file(tmp_path)
        assert (seen.steps["items"].state, seen.tables, seen.job, seen.pid) == (
            "running",
            TABLES,
            "nightly",
            os.getpid(),
        )
    with progress.step("item_facts", "nightly", TABLES, rows=lambda: 61):
        progress.beat(Beat("item_facts", 1, 4, 3, 12, 0.5))
        progress.beat(Beat("item_facts", 2, 4, 3, 24, 1.0, None))
        assert file(tmp_path).steps["item_facts"].beat == Beat("item_facts", 2, 4, 3, 24, 1.0, None)
        assert file(tmp_path).state(datetime.now(UTC)) == "running"
    done = file(tmp_path)
    assert [(step.state, step.rows) for step in done.steps.values()] == [("done", 60), ("done", 61)]
    assert done.state(datetime.now(UTC)) == "done"


def test_a_failure_is_kept_with_its_message_and_goes_on_to_fail_the_night(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="too many"),
        Progress(tmp_path, NIGHT, "r1").step("items", "nightly", TABLES, lambda: 0),
    ):
        raise ValueError("too many rejects")
    assert (file(tmp_path).steps["items"].state, file(tmp_path).steps["items"].message) == (
        "failed",
        "too many rejects",
    )


def test_a_long_step_without_a_model_shows_that_it_lives(tmp_path: Path) -> None:
    with Progress(tmp_path, NIGHT, "r1").step("items", "nightly", TABLES, lambda: 0, every=0.01):
        first, deadline = file(tmp_path).beat_at, threading.Event()
        while file(tmp_path).beat_at == first:
            deadline.wait(0.005)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (run(items="done", item_facts="done"), "done"),
        (run(items="done"), "running"),
        (run(items="done", item_facts="running", silent=600), "running"),
        (run(pid=ended(), items="done"), "stopped"),
        (run(pid=ended(), items="failed"), "failed"),
        (run(items="failed", silent=PAUSE_SECONDS + 1), "failed"),
        (run(items="failed", item_facts="running", silent=PAUSE_SECONDS + 1), "running"),
        (run(items="failed", silent=1), "running"),
        (run(items="failed", item_facts="done"), "failed"),
        (run(host="elsewhere", items="done", silent=SILENT_SECONDS - 1), "running"),
        (run(host="elsewhere", items="done", silent=SILENT_SECONDS + 1), "stopped"),
    ],
)
def test_what_has_become_of_a_run_is_judged_from_outside(seen: RunState, state: str) -> None:
    assert seen.state(NOW) == state


def test_a_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    stop, torn = threading.Event(), list[str]()
    progress = Progress(tmp_path, NIGHT, "r1")

    def look() -> None:
        while not stop.is_set():
            for path in (tmp_path / "progress").glob("*.json"):
                try:
                    json.loads(path.read_text())
                except ValueError as error:
                    torn.append(str(error))

    reader = threading.Thread(target=look)
    with progress.step("item_facts", "nightly", TABLES, lambda: 0):
        reader.start()
        for done in range(200):
            progress.beat(Beat("item_facts", done, 200, 0, 0, 1.0))
        stop.set()
        reader.join()
    assert torn == []
    assert [path.name for path in (tmp_path / "progress").iterdir()] == ["2024-01-01-r1.json"]


def test_a_file_that_cannot_be_read_is_no_run_and_one_that_cannot_be_written_fails_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "progress").mkdir()
    broken = tmp_path / "progress" / "2024-01-01-r1.json"
    broken.write_text("{")
    assert read(broken) is None
    assert read(tmp_path / "absent.json") is None
    (tmp_path / "file").write_text("a file where a folder should be")
    with Progress(tmp_path / "file", NIGHT, "r1").step("items", "nightly", TABLES, lambda: 1):
        pass
    with Progress(tmp_path, NIGHT, "r1").step("items", "nightly", TABLES, lambda: 1):
        assert file(tmp_path).steps["items"].state == "running", "written anew over what was broken"


def test_the_newest_is_the_one_that_runs_else_the_last_that_ran(tmp_path: Path) -> None:
    def leave(name: str, seen: RunState) -> None:
        (tmp_path / "progress").mkdir(exist_ok=True)
        (tmp_path / "progress" / f"{NIGHT}-{name}.json").write_text(
            seen.model_copy(update={"run_id": name}).model_dump_json()
        )

    assert newest(tmp_path, NOW) is None
    leave("old", run(items="done", item_facts="done", silent=500))
    leave("new", run(items="done", item_facts="done", silent=100))
    assert newest(tmp_path, NOW).run_id == "new"  # type: ignore[union-attr]
    leave("going", run(items="done", silent=900))
    assert newest(tmp_path, NOW).run_id == "going"  # type: ignore[union-attr]
    assert newest(tmp_path, NOW, date(2024, 1, 2)) is None
