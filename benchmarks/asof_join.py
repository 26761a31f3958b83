"""Joining nightly user features to examples as of their moment, against DuckDB's ASOF JOIN and Feast's
historical retrieval.

Examples: user and moment, drawn evenly over 30 nights; features: 100,000 users x 30 nights x 8 Float32
columns, all in memory. DuckDB reads the same frames and returns an Arrow table; it may use two threads,
and CPU seconds of all threads are compared. Every result is checked against the other's. Peak memory is
that of a process that only makes the data and joins it once with ours.

python -m benchmarks.asof_join                                      # 10,000,000 examples against DuckDB
python -m venv feast && feast/bin/pip install feast polars          # Feast lives in an environment of its own
python -m benchmarks.asof_join --feast feast/bin/python             # 100,000 examples, 10,000 users,
against Feast
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.timing import compare
from nightshift.features.asof import join_features
from nightshift.tables import MOMENT

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NIGHTS, FEATURES = 30, 8
LIMIT_GIB = 3.0

FEAST = """
import sys, time
from datetime import timedelta
from pathlib import Path
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float32

folder = Path(sys.argv[1])
(folder / "feature_store.yaml").write_text(
    "project: bench\\nregistry: registry.db\\nprovider: local\\nonline_store: {type: sqlite, path: online.db}\\n"
    "offline_store: {type: file}\\nentity_key_serialization_version: 3\\n"
)
store = FeatureStore(repo_path=str(folder))
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
names = [f"f{number}" for number in range(int(sys.argv[2]))]
view = FeatureView(name="nightly", entities=[user], ttl=timedelta(days=3650), schema=[Field(name=name, dtype=Float32) for name in names],
                   source=FileSource(path=str(folder / "features.parquet"), timestamp_field="opened"))
store.apply([user, view])
entities = pd.read_parquet(folder / "examples.parquet")
for _ in range(int(sys.argv[3])):
    wall, cpu = time.perf_counter(), time.process_time()
    joined = store.get_historical_features(entity_df=entities, features=[f"nightly:{name}" for name in names]).to_df()
    print("SECONDS", time.process_time() - cpu, time.perf_counter() - wall, len(joined), joined["f0"].sum(), flush=True)
"""


def made(examples: int, users: int) -> tuple[pl.DataFrame, dict[date, pl.DataFrame]]:
    """Examples, and features by night."""
    random = np.random.default_rng(0)
    ids = pl.Series("user_id", [f"user-{number:07d}" for number in range(users)])
    seconds = random.integers(0, NIGHTS * 86_400, examples) + int(FIRST.timestamp())
    asked = pl.DataFrame(
        {"user_id": ids.gather(random.integers(0, users, examples)), "timestamp": seconds * 1_000_000}
    )
    nights = {}
    for night in range(NIGHTS):
        columns = {f"f{number}": random.random(users, dtype=np.float32) for number in range(FEATURES)}
        nights[(FIRST + timedelta(days=night)).date()] = pl.DataFrame({"user_id": ids, **columns})
    return asked.with_columns(pl.col("timestamp").cast(MOMENT)), nights


def stacked(nights: dict[date, pl.DataFrame]) -> pl.DataFrame:
    """All nights as one frame with the moment at which each opened."""
    opened = {day: datetime(day.year, day.month, day.day, tzinfo=UTC) for day in nights}
    return pl.concat(
        frame.with_columns(pl.lit(opened[day]).cast(MOMENT).alias("opened")) for day, frame in nights.items()
    )


def against_duckdb(examples: int, users: int, runs: int) -> None:
    """CPU seconds beside DuckDB's."""
    import duckdb

    asked, nights = made(examples, users)
    features = stacked(nights)
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET timezone = 'UTC'")
    connection.register("asked", asked.to_arrow())
    connection.register("features", features.to_arrow())
    query = (
        "SELECT a.*, f.* EXCLUDE (user_id) FROM asked a ASOF LEFT JOIN features f ON a.user_id = "
        "f.user_id AND a.timestamp >= f.opened"
    )
    sums: dict[str, float] = {}

    def ours() -> float:
        sums["ours"] = float(join_features(asked, nights)["f0"].cast(pl.Float64).sum())
        return examples / 1e6

    def peer() -> float:
        table = connection.sql(query).to_arrow_table()
        sums["peer"] = float(pl.Series(table["f0"].combine_chunks()).cast(pl.Float64).sum())
        return examples / 1e6

    line = compare("asof_join", ours, peer, "million examples/CPU s", runs).line()
    assert abs(sums["ours"] - sums["peer"]) < 1e-6 * abs(sums["peer"]), sums
    print(line)


def against_feast(python: str, examples: int, users: int, runs: int) -> None:
    """CPU seconds beside Feast's file offline store."""
    asked, nights = made(examples, users)
    seconds, sums = [], set()
    for _ in range(runs):
        cpu = time.process_time()
        sums.add(round(float(join_features(asked, nights)["f0"].cast(pl.Float64).sum()), 3))
        seconds.append(time.process_time() - cpu)
    with tempfile.TemporaryDirectory() as folder:
        stacked(nights).write_parquet(Path(folder) / "features.parquet")
        asked.rename({"timestamp": "event_timestamp"}).write_parquet(Path(folder) / "examples.parquet")
        (Path(folder) / "peer.py").write_text(FEAST)
        command = [python, str(Path(folder) / "peer.py"), folder, str(FEATURES), str(runs)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [line.split() for line in said.stdout.splitlines() if line.startswith("SECONDS")]
    if said.returncode or not rows:
        raise SystemExit(f"Feast failed: {said.stderr.strip()[-800:]}")
    assert all(int(row[3]) == examples and abs(float(row[4]) - max(sums)) < 1.0 for row in rows), (rows, sums)
    ours, peer = (
        examples / 1e6 / np.median(seconds),
        examples / 1e6 / np.median([float(row[1]) for row in rows]),
    )
    print(
        f"asof_join feast: ratio {ours / peer:.2f} (ours {ours:.4g}, peer {peer:.4g}, million "
        f"examples/CPU s, median of {runs} runs)"
    )


def alone(examples: int, users: int) -> None:
    """Join once and print seconds and peak memory."""
    asked, nights = made(examples, users)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wall, cpu = time.perf_counter(), time.process_time()
    joined = join_features(asked, nights)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{joined.height:,} examples: {wall:.1f} s, {cpu:.1f} CPU s, peak memory {peak:.2f} GiB "
        f"(limit {LIMIT_GIB}), {before:.2f} before"
    )


def main() -> None:
    """Memory alone, then DuckDB; or Feast."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--alone", action="store_true", help="join once without a peer, print memory and stop"
    )
    parser.add_argument(
        "--feast",
        help="the Python of an environment with Feast: compare with it, on 100,000 examples of 10,000 users",
    )
    given = parser.parse_args()
    if given.alone:
        return alone(given.examples, given.users)
    if given.feast:
        return against_feast(given.feast, 100_000, 10_000, given.runs)
    sizes = ["--examples", str(given.examples), "--users", str(given.users)]
    subprocess.run([sys.executable, "-m", "benchmarks.asof_join", "--alone", *sizes], check=True)
    return against_duckdb(given.examples, given.users, given.runs)


if __name__ == "__main__":
    main()
