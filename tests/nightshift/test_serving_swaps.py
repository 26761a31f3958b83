"""Requests, refreshes and events at once, while another process publishes: every answer is that of one
whole night."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.serving import Features, Ranker
from tests.served import NIGHTS, Served

ROOT = Path(__file__).parents[2]
NOW = datetime(2024, 1, 21, 12, tzinfo=UTC)
SECONDS, SWAPS = 180.0, 5  # most seconds, for a busy machine: the test ends with the last swap
PUBLISH = """
import sys, time
from pathlib import Path
from tests.served import NIGHTS, Served
versions = [Served(Path(sys.argv[1]), lost=lost) for lost in (0, 40)]
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    for version in versions:
        version.publish(NIGHTS[2])
        print("published", flush=True)
        time.sleep(0.3)
"""


@contextmanager
def publishing(home: Path) -> Iterator[None]:
    """Two versions of the newest night, published one over the other by another process."""
    command = [sys.executable, "-c", PUBLISH, str(home), str(SECONDS)]
    process = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "published\n"
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def repeated(work: Callable[[], object], stop: threading.Event) -> int:
    """Do something until it is enough; how often."""
    done = 0
    while not stop.is_set():
        work()
        done += 1
    return done


def swapped(features: Features) -> int:
    """Refresh until the night has changed a few times; how often it did."""
    swaps, until = 0, time.monotonic() + SECONDS - 5
    while swaps < SWAPS and time.monotonic() < until:
        swaps += features.refresh()
        time.sleep(0.01)
    return swaps


@pytest.mark.slow
def test_no_answer_mixes_two_versions_of_a_night_that_is_being_published(tmp_path: Path) -> None:
    home = Served(tmp_path)
    home.publish(NIGHTS[0])
    home.train(NIGHTS[0])
    home.train_din(NIGHTS[0])
    user, items = home.world.interactions["user_id"][0], home.world.items["item_id"].to_list()
    trees = Ranker.load(tmp_path)
    features, rankers = trees.features, (trees, Ranker.load(tmp_path, ranker="din", features=trees.features))
    allowed = [{ranker.rank(user, items, NOW).probabilities.tobytes()} for ranker in rankers]
    for lost in (0, 40):
        Served(tmp_path, home.world, lost=lost).publish(NIGHTS[2])
        assert features.refresh()
        for ranker, answers in zip(rankers, allowed, strict=True):
            answers.add(ranker.rank(user, items, NOW).probabilities.tobytes())
    assert [len(answers) for answers in allowed] == [3, 3]
    seen: tuple[set[bytes], set[bytes]] = (set(), set())
    stop = threading.Event()

    def ask(which: int) -> None:
        seen[which].add(rankers[which].rank(user, items, NOW).probabilities.tobytes())

    with publishing(tmp_path), ThreadPoolExecutor(2) as pool:
        ranks = [pool.submit(repeated, partial(ask, which), stop) for which in range(2)]
        try:
            assert swapped(features) == SWAPS
        finally:
            stop.set()
        assert all(rank.result() > 20 for rank in ranks)
    assert seen[0] <= allowed[0]
    assert seen[1] <= allowed[1]
    assert [len(answers) for answers in seen] == [2, 2]


def test_events_added_beside_requests_are_seen_whole_and_in_order(tmp_path: Path) -> None:
    home = Served(tmp_path)
    home.publish(NIGHTS[0])
    features = Features.open(tmp_path)
    user, items = home.world.interactions["user_id"][0], home.world.items["item_id"].to_list()[:10]
    counts: list[tuple[float, float]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            row = features.columns(user, items, NOW)
            counts.append((row["base__user_events"][0], row["base__item_events"][0]))

    before = features.columns(user, items, NOW)
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        when = datetime(2024, 1, 9, tzinfo=UTC) + timedelta(minutes=number)
        features.add_events(
            pl.DataFrame({"user_id": [user], "item_id": [items[0]], "timestamp": [when], "label": [1.0]})
        )
    stop.set()
    reader.join()
    mine, of_item = np.array(counts).T
    assert (np.diff(mine) >= 0).all()
    np.testing.assert_array_equal(
        mine - before["base__user_events"][0], of_item - before["base__item_events"][0]
    )  # one state a request
    assert features.columns(user, items, NOW)["base__user_events"][0] == before["base__user_events"][0] + 40
