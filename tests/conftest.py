"""Shared fixtures: the cache that holds model weights, and the `shop`."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["tests.shop"]

PREPARE = """
import sys
from pathlib import Path
from nightshift.models.weights import prepare_encoder, prepare_llm
prepare_llm("smollm2-135m-instruct", Path(sys.argv[1]))
prepare_encoder("all-minilm-l6-v2", Path(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Folder with the small models prepared: `NIGHTSHIFT_CACHE` or `~/.cache/nightshift`.

    Prepared in a process of its own, where sockets are not blocked, under a lock that parallel workers share.
    """
    cache = Path(os.environ.get("NIGHTSHIFT_CACHE", Path.home() / ".cache" / "nightshift"))
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([sys.executable, "-c", PREPARE, str(cache)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the small models cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return cache


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked `loopback` may open sockets, to 127.0.0.1 only."""
    for item in items:
        if item.get_closest_marker("loopback"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))
