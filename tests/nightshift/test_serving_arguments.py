"""What ranking takes and what it refuses in words; and a ranker that travels to another process."""

import multiprocessing
import os
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ArgumentError
from nightshift.serving import Features, Ranked, Ranker
from tests.served import NIGHTS, Served

NOW = datetime(2024, 1, 21, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A night with its rankers. Read only."""
    home = Served(tmp_path_factory.mktemp("home"), codes=True)
    home.publish(NIGHTS[0])
    home.publish(NIGHTS[2])
    home.train(NIGHTS[0], NIGHTS[2])
    home.train_din(NIGHTS[0], NIGHTS[2])
    return home


@pytest.fixture(scope="module", params=["lightgbm", "din"])
def ranker(request: pytest.FixtureRequest, home: Served) -> Ranker:
    return Ranker.load(home.home, ranker=request.param)


def same(one: Ranked, other: Ranked) -> bool:
    arrays = zip((one.probabilities, one.known), (other.probabilities, other.known), strict=True)
    return (one.items, one.user_known, one.as_of) == (other.items, other.user_known, other.as_of) and all(
        np.array_equal(a, b) for a, b in arrays
    )


def asked(home: Served) -> tuple[str, list[str]]:
    return home.world.interactions["user_id"][0], home.world.items["item_id"].to_list()[:30]


@pytest.mark.parametrize(
    "given", ["i1", b"i1", bytearray(b"i1"), np.array([["i1"]]), pl.DataFrame({"item_id": ["i1"]}), 5, None]
)
def test_candidates_that_are_no_list_of_ids_are_refused_in_words(home: Served, given: Any) -> None:
    ranker = Ranker.load(home.home)
    for ask in (ranker.rank, ranker.features.columns):
        with pytest.raises(
            ArgumentError, match=r"candidates are a list of item ids, found .*; for one item write \[item\]"
        ):
            ask("u1", given, NOW)


def test_a_refused_argument_is_a_type_error_as_well() -> None:
    assert issubclass(ArgumentError, TypeError)


@pytest.mark.parametrize(
    "now",
    [date(2024, 1, 21), 1705838400, 1705838400.5, 0, False, "2024-01-21", np.datetime64("2024-01-21"), ""],
)
def test_a_moment_that_is_no_datetime_is_refused_in_words(home: Served, now: Any) -> None:
    ranker, (user, items) = Ranker.load(home.home), asked(home)
    with pytest.raises(ArgumentError, match=r"a moment is a datetime .*found .* of type .*datetime.combine"):
        ranker.rank(user, items, now)
    with pytest.raises(ArgumentError, match="a moment is a datetime"):
        ranker.features.add_events(home.world.interactions.head(0), until=now)


def test_arrays_series_tuples_and_generators_of_ids_rank_as_a_list_does(ranker: Ranker, home: Served) -> None:
    user, items = asked(home)
    wanted = ranker.rank(user, items, NOW)
    every: list[Any] = [
        np.array(items),
        np.array(items, object),
        pl.Series(items),
        tuple(items),
        dict.fromkeys(items),
        iter(items),
    ]
    for given in every:
        found = ranker.rank(user, given, NOW)
        assert same(found, wanted), type(given)
        assert {type(item) for item in found.items} == {str}
        assert ranker.rank(np.str_(user), items, NOW).items == wanted.items
    assert same(ranker.rank(user, items, NOW.replace(tzinfo=None)), wanted), "without a time zone it is UTC"


def test_a_pickled_ranker_ranks_the_same_and_is_mapped_not_copied(ranker: Ranker, home: Served) -> None:
    user, items = asked(home)
    raw = pickle.dumps(ranker)
    assert len(raw) < 20_000, "a name, not arrays"
    again = pickle.loads(raw)
    assert same(again.rank(user, items, NOW), ranker.rank(user, items, NOW))
    assert again.features.night.arrays.keys() == ranker.features.night.arrays.keys()


def test_pickled_features_keep_the_events_that_were_added(home: Served) -> None:
    user, items = asked(home)
    ranker = Ranker.load(home.home)
    event = {"user_id": ["new"], "item_id": [items[0]], "timestamp": [NOW], "label": [1.0]}
    ranker.features.add_events(pl.DataFrame(event))
    again = pickle.loads(pickle.dumps(ranker))
    later = NOW.replace(hour=13)
    assert again.rank("new", items, later).user_known
    assert same(again.rank("new", items, later), ranker.rank("new", items, later))
    assert same(again.rank(user, items, later), ranker.rank(user, items, later))


def test_features_pickled_with_two_rankers_are_one_object(home: Served) -> None:
    features = Features.open(home.home, codes=True)
    pair = [Ranker.load(home.home, ranker=name, features=features) for name in ("lightgbm", "din")]
    one, other = pickle.loads(pickle.dumps(pair))
    assert one.features is other.features


def test_a_ranker_made_of_parts_says_that_it_cannot_be_pickled(home: Served) -> None:
    loaded = Ranker.load(home.home)
    with pytest.raises(ArgumentError, match=r"cannot be pickled; one that Ranker.load\(home\) opened can"):
        pickle.dumps(Ranker(loaded.scorer, loaded.features, loaded.as_of))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_ranker_ranks_the_same_in_a_process_of_its_own(home: Served, start: str) -> None:
    user, items = asked(home)
    ranker = Ranker.load(home.home)
    wanted = ranker.rank(user, items, NOW)
    if start == "spawn":
        code = "import pickle, sys; ranker, user, items, now = pickle.load(sys.stdin.buffer); "
        code += "sys.stdout.buffer.write(pickle.dumps(ranker.rank(user, items, now)))"
        bare = {"PYTHONPATH": str(ROOT)}  # as `env -i` leaves it: no HOME, no PATH
        given = pickle.dumps((ranker, user, items, NOW))
        done = subprocess.run(
            [sys.executable, "-c", code], input=given, capture_output=True, check=True, env=bare, cwd="/"
        )
        assert same(pickle.loads(done.stdout), wanted)
        return
    receive, send = multiprocessing.get_context("fork").Pipe(False)
    pid = os.fork()
    if pid == 0:
        send.send(ranker.rank(user, items, NOW))
        os._exit(0)
    assert receive.poll(60)
    assert same(receive.recv(), wanted)
    assert os.waitpid(pid, 0)[1] == 0
