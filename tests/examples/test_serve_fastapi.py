"""The HTTP example as a user starts it: a real server on this machine, asked over HTTP."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.served import NIGHTS, Served
from tests.web_server import free_port

ROOT = Path(__file__).parents[2]
MOMENT = "2024-01-21T12:00:00Z"
pytestmark = [pytest.mark.loopback, pytest.mark.slow]


def asked(port: int, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.loads(reply.read())


def when_up(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            asked(port, "/health")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not come up")


@pytest.fixture
def home(tmp_path: Path) -> Served:
    made = Served(tmp_path)
    made.publish(NIGHTS[1])
    made.train(*NIGHTS[:2])
    return made


@pytest.fixture
def port(home: Served) -> Iterator[int]:
    number = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "examples.serve_fastapi:app",
        "--port",
        str(number),
        "--log-level",
        "warning",
    ]
    environment = os.environ | {
        "NIGHTSHIFT_HOME": str(home.home),
        "REFRESH_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT),
    }
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        when_up(number, server)
        yield number
    finally:
        server.terminate()
        server.wait(20)


def test_candidates_are_ranked_events_count_and_a_new_night_is_picked_up(home: Served, port: int) -> None:
    user, items = home.world.interactions["user_id"][0], home.world.items["item_id"].head(30).to_list()
    body = {"user": user, "candidates": [*items, "nobody-knows-me"], "now": MOMENT}
    first = asked(port, "/rank", body)
    assert first["night"] == str(NIGHTS[1])
    assert first["user_known"]
    chances = [row["probability"] for row in first["items"]]
    assert chances == sorted(chances, reverse=True)
    assert [row["item"] for row in first["items"] if not row["known"]] == ["nobody-knows-me"]
    event = {"user_id": "newcomer", "item_id": items[0], "timestamp": "2024-01-21T11:00:00Z", "label": 1}
    assert not asked(port, "/rank", body | {"user": "newcomer"})["user_known"]
    assert asked(port, "/events", {"events": [event]}) == {
        "known": 1,
        "before_the_night": 0,
        "of_unknown_items": 0,
    }
    assert asked(port, "/rank", body | {"user": "newcomer"})["user_known"]
    home.publish(NIGHTS[2])
    until = time.monotonic() + 30
    while asked(port, "/health")["night"] != str(NIGHTS[2]) and time.monotonic() < until:
        time.sleep(0.1)
    assert asked(port, "/rank", body | {"user": "newcomer"})["night"] == str(NIGHTS[2])
