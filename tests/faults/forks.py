"""The command line in processes that cost milliseconds to start: forks of one that has imported everything
and done nothing.

A fork runs `nightshift ...` in a shop's folder, as the installed command would, and may be told to meet
with an accident: SIGKILL right before its n-th change of a file under its home, or SIGKILL from another
process a few milliseconds after it; a clock that is set back while it works. Every call of the fake model
is written to a log the moment it is made.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
IMPORTED = (
    *("jobs.cli", "jobs.running", "pipelines.answer_prompts", "pipelines.embed_texts"),
    *(
        f"assets.{name}"
        for name in ("embedding", "embeddings", "enrichments", "features", "rankers", "rejected", "sources")
    ),
    *(
        "alembic.command",
        "dagster._core.storage.sqlite_storage",
        "faiss",
        "scipy.linalg",
        "scipy.sparse.linalg",
    ),
)
CALLS = "calls.log"
"""In the shop's folder: one content key a line, for every row that the model was asked."""
CHANGES = ".changes"
"""In the shop's folder: how many changes of files the last undisturbed command made."""


@dataclass(frozen=True)
class Accident:
    """What happens to a command."""

    kill_at: int = 0
    """Number of the change of a file at which it is killed; 0 spares it."""
    delay: float | None = None
    """Seconds from that change to the kill, which then comes from outside; None kills right before the
    change."""
    clock_back: float = 0.0
    """Seconds by which the clock is set back while the command works, at every hundredth look at it."""


class Killer:
    """Strikes at the n-th change of a file in the ledger, the tables or the models; counts them all."""

    def __init__(self, home: Path, kill_at: int, strike: Callable[[], object]) -> None:
        self.folders = tuple(f"{home / name}{os.sep}" for name in ("ledger", "tables", "models"))
        self.kill_at, self.strike, self.seen = kill_at, strike, 0

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        if self._changes(event, words):
            self.seen += 1
            if self.seen == self.kill_at:
                self.strike()

    def _changes(self, event: str, words: tuple[Any, ...]) -> bool:
        if event == "open":  # mode None is an fsync's os.open: what was written is not yet safe
            return str(words[0]).startswith(self.folders) and words[1] in ("w", "wb", None)
        return event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") and str(words[0]).startswith(
            self.folders
        )


def watch(folder: Path, accident: Accident) -> Killer:
    """Arm the accident in this process, which is about to run a command in the folder."""
    killer = Killer(folder / ".nightshift", accident.kill_at, _striker(accident.delay))
    sys.addaudithook(killer)
    if accident.clock_back:
        _set_clock_back(accident.clock_back)
    return killer


def _striker(delay: float | None) -> Callable[[], object]:
    if delay is None:
        return lambda: os.kill(os.getpid(), signal.SIGKILL)
    reading, writing = os.pipe()
    victim = os.getpid()
    if os.fork() == 0:  # the hand that strikes from outside; the pipe ends with its victim
        os.close(writing)
        if os.read(reading, 1):
            time.sleep(delay)
            os.kill(victim, signal.SIGKILL)
        os._exit(0)
    return lambda: os.write(writing, b"!")


def _set_clock_back(seconds: float) -> None:
    looks = 0

    def back(clock: Callable[[], Any], unit: int) -> Callable[[], Any]:
        def told() -> Any:
            nonlocal looks
            looks += 1
            return clock() - (looks // 100) * int(seconds * unit)

        return told

    time.time, time.time_ns = back(time.time, 1), back(time.time_ns, 10**9)


def count_calls(folder: Path) -> None:
    """Write the key of every row that the fake model is asked in this process to the log."""
    from nightshift.models.llm.echo import EchoLLM

    log = os.open(folder / CALLS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for name in ("answer", "score"):
        setattr(EchoLLM, name, _logged(getattr(EchoLLM, name), log))


def _logged(ask: Callable[..., Any], log: int) -> Callable[..., Any]:
    def asked(self: Any, requests: Any, *more: Any) -> Any:
        os.write(log, "".join(f"{request.key}\n" for request in requests).encode())
        return ask(self, requests, *more)

    return asked


class Forks:
    """The process that is forked, and its forks."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.forks"]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        self._server = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _ask(self, **question: Any) -> Any:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(question) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def start(self, folder: Path, *words: str, accident: Accident = Accident()) -> int:
        """Start `nightshift ...` in the folder. Returns the process id."""
        return int(self._ask(folder=str(folder), words=words, accident=asdict(accident)))

    def end(self, folder: Path, pid: int) -> tuple[int, str]:
        """Wait for its end. Returns the exit code, KILLED when it was killed, and what was printed."""
        code = int(self._ask(wait=pid))
        return code, (folder / f"{pid}.out").read_text()

    def run(self, folder: Path, *words: str, accident: Accident = Accident()) -> tuple[int, str]:
        """Start and wait."""
        return self.end(folder, self.start(folder, *words, accident=accident))

    def close(self) -> None:
        """End the process that is forked."""
        self._server.communicate(timeout=10)


def _serve() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads of its own cannot be forked"
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            print(os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1]), flush=True)
        else:
            print(
                _fork(Path(question["folder"]), question["words"], Accident(**question["accident"])),
                flush=True,
            )


def _fork(folder: Path, words: list[str], accident: Accident) -> int:
    pid = os.fork()
    if pid == 0:
        _become(folder, words, accident)
    return pid


def _become(folder: Path, words: list[str], accident: Accident) -> None:
    """Run the command in this process and end it."""
    from jobs.cli import main

    os.chdir(folder)
    out = os.open(f"{os.getpid()}.out", os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    killer = watch(folder, accident)
    count_calls(folder)
    sys.argv = ["nightshift", *words]
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    (folder / CHANGES).write_text(str(killer.seen))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
