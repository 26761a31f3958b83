"""Shared fixtures: the cache that holds model weights, and the `shop`. Temporary folders lie in memory
where there is room."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest_plugins = ["tests.chromium", "tests.llama", "tests.shop"]


IN_MEMORY, ROOM = Path("/dev/shm"), 4 << 30
"""A night syncs hundreds of files and database pages; on a busy disk a test would wait for them longer
than it computes."""


def pytest_configure() -> None:
    """Put temporary folders into memory, unless told otherwise. Commands write as into a pipe, whatever
    terminal the tests run in."""
    os.environ.pop("COLUMNS", None)
    if os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Folder with the small models prepared for transformers and sentence-transformers."""
    return prepared(
        "from nightshift.models.weights.weights import prepare_encoder, prepare_llm",
        "prepare_llm('smollm2-135m-instruct', cache)",
        "prepare_encoder('all-minilm-l6-v2', cache)",
    )


@pytest.fixture(scope="session")
def gguf_cache() -> Path:
    """Folder with the small model prepared for llama.cpp; the test is skipped without the extra
    `llama_cpp`."""
    pytest.importorskip("xllamacpp", reason="the extra llama_cpp is not installed")
    return prepared(
        "from nightshift.models.weights.gguf import prepare_gguf as prepare",
        "prepare('smollm2-135m-instruct', cache)",
    )


def prepared(*lines: str) -> Path:
    """`NIGHTSHIFT_CACHE` or `~/.cache/nightshift` after the lines have run on `cache`; skips when what
    they fetch cannot be had.

    In a process of their own, where sockets are not blocked, under a lock that parallel workers share.
    """
    cache = Path(os.environ.get("NIGHTSHIFT_CACHE", Path.home() / ".cache" / "nightshift"))
    cache.mkdir(parents=True, exist_ok=True)
    code = "\n".join(["import sys", "from pathlib import Path", "cache = Path(sys.argv[1])", *lines])
    with (cache / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-c", code, str(cache)], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        pytest.skip(f"the small models cannot be had: {done.stderr.strip().splitlines()[-1]}")
    return cache


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked `loopback` may open sockets, to 127.0.0.1 only. What a module makes once is made by
    one worker."""
    for item in items:
        if item.get_closest_marker("loopback"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))
        if not item.get_closest_marker("xdist_group") and _shares_fixtures(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))


def _shares_fixtures(item: pytest.Item) -> bool:
    made: dict[str, Sequence[pytest.FixtureDef[object]]] = (
        item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    )
    return any(fixture.scope == "module" for fixtures in made.values() for fixture in fixtures)
