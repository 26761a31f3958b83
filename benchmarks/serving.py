"""Ranking without a language model: what features cost beside the model's own predict, and how fast a
large night opens.

`rank`: `Ranker.rank` with 500 candidates against the bare model on prepared inputs of the same rows, in
one process, in alternating order, one thread each: `Booster.predict` on a matrix for LightGBM, a run of
the graph by onnxruntime for DIN (`--ranker din`). Every request is another user with other candidates.
Needs a finished home: `make demo`, with `lift.rankers: [lightgbm, din]` for DIN.

`load`: a night of a million items is written as arrays, then a fresh process opens it and answers its
first request. Vectors, tag scores and events are made up, and so are the neighbours, whose search is not
what is measured here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nightshift.features.content import NightContent, Stated, TagScores, View
from nightshift.features.content_spec import first_spec
from nightshift.features.history import EventLog, Floats
from nightshift.features.parts import Named
from nightshift.features.settings import FeatureSettings
from nightshift.features.whitening import Whitening, unit
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving import Ranker
from nightshift.serving.complete_night import newest_whole
from nightshift.serving.memory_map import write_arrays
from nightshift.serving.network import Network
from nightshift.serving.night import key_of
from nightshift.serving.prepare import arrays_of
from nightshift.serving.ranker import RANKERS
from nightshift.serving.request import Request, families_of
from nightshift.storage.store import Store, digest_of
from nightshift.tables import INTERACTIONS, ITEM_FEATURES, ITEMS, MOMENT, USER_FEATURES

AS_OF = date(2026, 1, 1)
LOAD = """
import json, sys, time
from datetime import UTC, datetime
import numpy, polars, scipy.sparse, lightgbm
from nightshift.serving import Features

def resident(kind="VmRSS"):
    # MiB; RssAnon is what this process has for itself, the rest are pages of files that all processes share
    line = next(line for line in open("/proc/self/status") if line.startswith(kind + ":"))
    return int(line.split()[1]) / 1024

before, began = resident(), time.perf_counter()
features = Features.open(sys.argv[1])
opened = time.perf_counter() - began
features.columns("u7", [f"item-{n}" for n in range(0, 5000, 10)], datetime(2026, 1, 2, tzinfo=UTC))
first = time.perf_counter() - began
after_first = resident()
for user in range(200):
    features.columns(f"u{user}", [f"item-{(n * 7919 + user) % 1_000_000}" for n in range(500)], datetime(2026, 1, 2, tzinfo=UTC))
mib = {"imports_mib": before, "first_mib": after_first, "after_200_mib": resident(), "own_after_200_mib": resident("RssAnon")}
print(json.dumps({"opened_s": opened, "first_request_s": first, **mib}))
"""


def one_thread() -> None:
    """Start over with one thread in every linear algebra library, which read this once, when they are
    loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    if any(os.environ.get(name) != "1" for name in names):
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks.serving", *sys.argv[1:]],
            os.environ | dict.fromkeys(names, "1"),
        )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU milliseconds of this thread."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - wall) * 1e3, (time.thread_time() - cpu) * 1e3


def requests(home: Path, as_of: date, count: int, candidates: int) -> list[tuple[str, list[str]]]:
    """Users and candidates, drawn at random."""
    random, store = np.random.default_rng(0), Store(home)
    users = store.read(INTERACTIONS, as_of)["user_id"].unique().sort().to_list()
    items = np.array(store.read(ITEMS, as_of)["item_id"].to_list(), object)
    drawn = random.integers(len(users), size=count)
    return [
        (users[user], random.choice(items, min(candidates, len(items)), replace=False).tolist())
        for user in drawn
    ]


def live_events(asked: list[tuple[str, list[str]]], count: int, since: datetime) -> pl.DataFrame:
    """Events of the users of the requests within the hour since the night."""
    random = np.random.default_rng(1)
    user = [asked[number % len(asked)][0] for number in range(count)]
    item = [asked[number % len(asked)][1][number % 7] for number in range(count)]
    when = [since + timedelta(seconds=float(seconds)) for seconds in random.random(count) * 3000]
    label = (random.random(count) < 0.5).astype(np.float32)
    return pl.DataFrame({"user_id": user, "item_id": item, "timestamp": when, "label": label})


def bare(ranker: Ranker, user: str, items: list[str], now: datetime) -> Callable[[], object]:
    """The model alone on inputs that are ready."""
    request, scorer = Request.of(ranker.features, user, items, now), ranker.scorer
    if isinstance(scorer, Network):
        given = scorer.given(request)
        return lambda: scorer.model.score(*given)
    model = ranker.model
    assert isinstance(model, LightGBMRanker)
    matrix = request.matrix(model.features, families_of(model.features))
    return lambda: model.predict_matrix(matrix)


def one_run(
    ranker: Ranker, asked: list[tuple[str, list[str]]], now: datetime
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(requests, ours or peer, wall or CPU) milliseconds."""
    found = []
    for number, (user, items) in enumerate(asked):
        pair: list[Callable[[], object]] = [
            partial(ranker.rank, user, items, now),
            bare(ranker, user, items, now),
        ]
        order = (0, 1) if number % 2 == 0 else (1, 0)
        took = {which: timed(pair[which]) for which in order}
        found.append([took[0], took[1]])
    return np.array(found)


def rank(options: argparse.Namespace) -> None:
    """Print percentiles of every run and the line."""
    ranker = Ranker.load(options.home, ranker=options.ranker)
    now = datetime.combine(ranker.features.as_of, datetime.min.time(), UTC) + timedelta(hours=1)
    asked = requests(options.home, ranker.features.as_of, options.requests, options.candidates)
    if options.events:
        print(ranker.features.add_events(live_events(asked, options.events, now - timedelta(hours=1))))
    one_run(ranker, asked[:50], now)
    runs = [one_run(ranker, asked, now) for _ in range(options.runs)]
    for number, name in enumerate(("wall", "CPU")):
        for share in (50, 99):
            at = np.array(
                [np.percentile(run[:, :, number], share, axis=0) for run in runs]
            )  # (runs, ours or peer)
            ours, peer = np.median(at, axis=0)
            ratio = np.median(at[:, 0] / at[:, 1])
            times = f"ours {ours:.2f}, peer {peer:.2f}, {name} ms at p{share}, median of {len(runs)} runs"
            print(f"serving {options.ranker}: ratio {ratio:.2f} ({times})")


def unit_rows(random: np.random.Generator, rows: int, width: int) -> Floats:
    """Random directions."""
    return unit(random.normal(size=(rows, width)).astype(np.float32))


def made_up(items: int, users: int, events: int) -> tuple[pl.DataFrame, pl.DataFrame, NightContent]:
    """A catalogue, its events, and what a night might have written about it."""
    random = np.random.default_rng(0)
    ids = pl.Series("item_id", [f"item-{number}" for number in range(items)])
    shelves = pl.Series([f"shelf-{number}" for number in range(200)])
    shelf = shelves.gather(random.integers(200, size=items)).reshape((items, 1)).arr.to_list()
    bare = pl.DataFrame({"item_id": ids, "title": ids, "attributes": shelf})
    catalogue = ITEMS.conform(
        bare.with_columns(text=pl.lit(None, pl.String), created_at=pl.lit(None, MOMENT))
    )
    start = int(datetime(2025, 10, 1, tzinfo=UTC).timestamp() * 1e6)
    when = np.sort(start + random.integers(0, 90 * 86_400_000_000, size=events))
    popular = np.minimum((random.pareto(1.1, size=events) * items / 200).astype(np.int64), items - 1)
    frame = pl.DataFrame(
        {"user_id": [f"u{n}" for n in random.integers(users, size=events)], "item_id": ids.gather(popular)}
    )
    labels = (random.random(events) < 0.3).astype(np.float32)
    interactions = frame.with_columns(
        timestamp=pl.Series(when).cast(MOMENT),
        label=pl.Series(labels),
        kind=pl.lit(None, pl.String),
        request_id=pl.lit(None, pl.String),
    )
    everywhere, none = np.ones(items, np.bool_), Whitening(np.zeros(0), np.zeros((0, 0)))
    views = {}
    for name in ("raw", "hidden", "tags", "facts"):
        vectors = unit_rows(random, items, 32)
        views[name] = View(name, vectors, everywhere, 10, none, vectors)
        views[name].__dict__["neighbours"] = random.integers(items, size=(items, 10))
    tags = TagScores(
        tuple(f"tag-{n}" for n in range(66)),
        ("mood",) * 66,
        random.normal(size=(items, 66)).astype(np.float32),
        everywhere,
    )
    people = pl.Series("user_id", [f"u{n}" for n in range(users)])
    marks = (random.random((users, 66)) < 0.05).astype(np.float32)
    stated = Stated(Named(people), marks, marks[::-1], unit_rows(random, users, 32))
    return (
        catalogue,
        interactions,
        NightContent(AS_OF, first_spec(), views, tags, stated),
    )


def large_home(home: Path, items: int, users: int, events: int) -> float:
    """Publish the night's tables and write its arrays; GiB of arrays."""
    catalogue, interactions, content = made_up(items, users, events)
    store, settings = Store(home), FeatureSettings()
    inputs = digest_of(
        {
            ITEMS.name: store.publish(ITEMS, AS_OF, catalogue),
            INTERACTIONS.name: store.publish(INTERACTIONS, AS_OF, interactions),
        }
    )
    for table, key in (
        (ITEM_FEATURES, catalogue.select("item_id")),
        (USER_FEATURES, interactions.select("user_id").unique()),
    ):
        store.publish(table, AS_OF, key, inputs=inputs)
    arrays, about = arrays_of(catalogue, content, EventLog.of(interactions, catalogue["item_id"]), settings)
    write_arrays(home / "serving" / key_of(newest_whole(store), settings), arrays, about | {"lists": False})
    return sum(values.nbytes for values in arrays.values()) / 2**30


def load(options: argparse.Namespace) -> None:
    """Print what opening took and the line."""
    with tempfile.TemporaryDirectory() as scratch:
        size = large_home(Path(scratch), options.items, options.items // 5, options.items * 2)
        print(f"{options.items:,} items, {options.items * 2:,} events: {size:.2f} GiB of arrays")
        found = []
        for _ in range(options.runs):
            done = subprocess.run(
                [sys.executable, "-c", LOAD, scratch], capture_output=True, text=True, check=True
            )
            found.append(json.loads(done.stdout))
            print(json.dumps({name: round(value, 3) for name, value in found[-1].items()}))
    first = float(np.median([run["first_request_s"] for run in found]))
    runs = f"s until the first answer against the limit, median of {len(found)} runs"
    print(f"serving load: ratio {first:.2f} (ours {first:.2f}, peer 1, {runs})")


def main() -> None:
    """Parse the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=("rank", "load"), default="rank")
    parser.add_argument("--ranker", choices=RANKERS, default="lightgbm", help="what ranks")
    parser.add_argument("--home", type=Path, default=Path(".nightshift"), help="a finished home, for rank")
    parser.add_argument("--requests", type=int, default=500, help="requests of a run")
    parser.add_argument("--candidates", type=int, default=500, help="candidates of a request")
    parser.add_argument("--events", type=int, default=0, help="events since the night, for rank")
    parser.add_argument("--items", type=int, default=1_000_000, help="items of the night, for load")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    one_thread()
    rank(options) if options.what == "rank" else load(options)


if __name__ == "__main__":
    main()
