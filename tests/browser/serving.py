"""`nightshift ui` as a user starts it: a process of its own, and gone afterwards with everything that it
started."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.web_server import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
"""Seconds until the pages must be there; they take about 12 on two idle cores."""


@contextmanager
def served(config: Path) -> Iterator[str]:
    """The address of Dagster's pages for this nightshift.yaml while the block runs. Raises RuntimeError
    with the server's last words."""
    port = free_port()
    log = config.with_name("ui.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *_dies_with_us(),
                sys.executable,
                "-m",
                "jobs.cli",
                "ui",
                "--config",
                str(config),
                "--port",
                str(port),
            ],
            cwd=config.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, log)
        yield url
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]", patience: float = 30.0) -> None:
    """End the process and every other one of its session: politely first, then for certain."""
    session = members(process.pid)
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    _, alive = psutil.wait_procs(
        [member for member in session | members(process.pid) if member.is_running()], timeout=5
    )
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=patience)
    process.wait(patience)


def members(session: int) -> set[psutil.Process]:
    """The living processes of a session: the server, its webserver, daemon, code server and runs."""
    found = set()
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
    return found


def _dies_with_us() -> list[str]:
    """A killed test run takes its server along; the server's own children watch for its end."""
    return [setpriv, "--pdeathsig", "TERM"] if (setpriv := shutil.which("setpriv")) else []


def _environment() -> dict[str, str]:
    """This one's, without settings of other nightshifts, and with this checkout in front."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHIFT_", "DAGSTER_"))
    }
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Until the pages answer and our definitions are loaded behind them."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            if (loaded := _loaded(url)) is not None:
                if loaded == "RepositoryLocation":
                    return
                break
        time.sleep(0.5)
    raise RuntimeError(
        f"Dagster did not come up at {url} within {PATIENCE:.0f} s; it said\n{log.read_text('utf-8')[-3000:]}"
    )


def _loaded(url: str) -> str | None:
    """What became of the code location: RepositoryLocation, PythonError, or None while it loads."""
    query = {
        "query": "{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {__typename}}}}}"
    }
    asked = urllib.request.Request(
        f"{url}/graphql", json.dumps(query).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=30) as reply:
        entries = json.load(reply)["data"]["workspaceOrError"]["locationEntries"]
    found = entries[0]["locationOrLoadError"] if entries else None
    return str(found["__typename"]) if found else None
