"""Exact ranking metrics of 20,000 users over a catalogue of 10,000 items, against sorting every user's
list and asking ir_measures.

Both contestants get the same scores (a product of random factors, made in batches inside the timing),
leave out the same 30 seen items a user, and report the same six metrics for 1 to 10 positives a user;
their values are compared to nine digits. Ours ranks all users; the peer, which is slower and holds Python
objects for every scored item, ranks the first 200 of them, so the rate is users by CPU second. Wall
seconds and peak memory of the whole evaluation are measured in a process of its own, before the
comparison.

python -m benchmarks.full_catalogue_metrics
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.timing import compare
from nightshift.lift.full_catalogue import Truth, rank_catalogue
from nightshift.lift.metrics import (
    average_precision,
    hit_rate_at,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)
from nightshift.lift.ranks import Ranked

USERS, ITEMS, FACTORS = 20_000, 10_000, 32
PEER_USERS = 200
LIMIT_S = 60


class World:
    """Random users and items: factors, positives, seen items."""

    def __init__(self, users: int) -> None:
        random = np.random.default_rng(0)
        self.users = random.normal(size=(users, FACTORS)).astype(np.float32)
        self.items = random.normal(size=(ITEMS, FACTORS)).astype(np.float32)
        drawn = [random.choice(ITEMS, 30 + int(random.integers(1, 11)), replace=False) for _ in range(users)]
        self.truth = Truth(_matrix([row[30:] for row in drawn]), _matrix([row[:30] for row in drawn]))

    def scores(self, who: NDArray[np.int64]) -> NDArray[np.float32]:
        """(batch, items)"""
        return np.asarray(self.users[who] @ self.items.T, np.float32)


def _matrix(rows: list[NDArray[np.int64]]) -> sp.csr_array:
    heads = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    columns = np.concatenate(rows)
    return sp.csr_array((np.ones(len(columns), np.int8), columns, heads), shape=(len(rows), ITEMS))


def measured(ranked: Ranked) -> list[float]:
    """The six metrics."""
    cut = [metric(ranked, 10).value for metric in (ndcg_at, recall_at, precision_at, hit_rate_at)]
    return [*cut, reciprocal_rank(ranked).value, average_precision(ranked).value]


def of_peer(world: World) -> list[float]:
    """The same from ir_measures, one user at a time."""
    import ir_measures
    from ir_measures import AP, RR, P, R, Success, nDCG

    wanted = [nDCG @ 10, R @ 10, P @ 10, Success @ 10, RR, AP]
    positives, seen = world.truth.positives, world.truth.seen
    assert seen is not None
    names = [f"i{item}" for item in range(ITEMS)]
    judged, run = [], []
    for user in range(PEER_USERS):
        scores = world.scores(np.array([user]))[0]
        scores[seen.indices[seen.indptr[user] : seen.indptr[user + 1]]] = -np.inf
        order = np.argsort(-scores)[: ITEMS - 30]
        run += [
            ir_measures.ScoredDoc(f"u{user}", names[item], float(scores[item])) for item in order.tolist()
        ]
        wished = positives.indices[positives.indptr[user] : positives.indptr[user + 1]]
        judged += [ir_measures.Qrel(f"u{user}", names[item], 1) for item in wished.tolist()]
    values = ir_measures.calc_aggregate(wanted, judged, run)
    return [values[measure] for measure in wanted]


def alone() -> None:
    """Rank everybody once and print wall seconds, peak memory and the metrics."""
    world = World(USERS)
    began = time.perf_counter()
    values = measured(rank_catalogue(world.scores, world.truth))
    seconds, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    shown = ", ".join(f"{value:.5f}" for value in values)
    print(
        f"{USERS:,} users by {ITEMS:,} items: {seconds:.1f} s (limit {LIMIT_S}), peak memory "
        f"{peak:.0f} MiB, metrics {shown}",
        flush=True,
    )


def main() -> None:
    """Measure alone, then compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="rank everybody once and stop")
    given = parser.parse_args()
    if given.alone:
        return alone()
    subprocess.run([sys.executable, "-m", "benchmarks.full_catalogue_metrics", "--alone"], check=True)
    few, all_users = World(PEER_USERS), World(USERS)
    difference = max(
        abs(a - b) for a, b in zip(measured(rank_catalogue(few.scores, few.truth)), of_peer(few), strict=True)
    )
    print(f"largest difference of a metric on {PEER_USERS} users: {difference:.1e}", flush=True)
    assert difference < 1e-9

    def ours() -> float:
        measured(rank_catalogue(all_users.scores, all_users.truth))
        return USERS

    def peer() -> float:
        of_peer(few)
        return PEER_USERS

    print(compare("full_catalogue_metrics", ours, peer, "users/CPU s", given.runs, warm_up=False).line())
    return None


if __name__ == "__main__":
    main()
