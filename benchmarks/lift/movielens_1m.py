"""MovieLens-1M: GPT-3.5's sentence about each film, recorded, against the same features from title and
genres, and dealt to other films.

Explicit ratings (4 and more is a like), cuts in time: history until 70% of all events, training to 80%,
validation to 90%, then the test. One night, at the first cut. GPT-3.5 wrote from the title alone and
surely knows these films: this shows what a model's knowledge is worth, not that it would know yours. At
the end the same over a base without its collaborative scores.

python -m benchmarks.lift.movielens_1m --data FOLDER      (FOLDER/movielens_1m/gpt35_summaries.parquet:
item_id, title, summary)
"""

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.lift.attacks import starve
from benchmarks.lift.content import night_of, recorded_by, written_by
from benchmarks.lift.options import options
from benchmarks.lift.page import Judged
from benchmarks.lift.telling import ARMS
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.settings import LiftSettings
from nightshift.rankers.lightgbm import LightGBMSettings
from nightshift.sources.datasets.base import Dataset
from nightshift.sources.datasets.movielens import load

FILE = "movielens_1m/gpt35_summaries.parquet"
MODEL = "gpt-3.5-turbo@agent4rec"
TREES = LightGBMSettings(learning_rate=0.08)
"""Twice the usual step, for time: the same for every arm."""


def recording(path: Path, data: Dataset, folder: Path) -> Path:
    """The sentences by this catalogue's ids: both keep the films' titles, some of them in another
    encoding."""
    said = pl.read_parquet(path)
    if set(said["item_id"]) >= set(data.items["item_id"]):
        return path
    plain = pl.Series([_plain(title) for title in said["title"]], dtype=pl.String)
    mine = data.items.select(
        "item_id", plain=pl.Series([_plain(item_id) for item_id in data.items["item_id"]], dtype=pl.String)
    )
    found = mine.join(
        said.with_columns(plain=plain).select("plain", "summary").unique("plain", keep="none"), on="plain"
    )
    print(f"{found.height:,} of {data.items.height:,} films have a recorded sentence", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    found.select("item_id", "summary").write_parquet(folder / "recording.parquet")
    return folder / "recording.parquet"


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", title.lower().encode("ascii", "ignore").decode())


def night_before(events: pl.DataFrame, share: float) -> date:
    """The first night after this share of all events."""
    moment = events["timestamp"].sort()[int(share * events.height)]
    assert isinstance(moment, datetime)
    return moment.astimezone(UTC).date() + timedelta(days=1)


def main() -> None:
    """Write, build, judge, print; then judge again without collaborative scores."""
    given = options(__doc__, FILE)
    data = load("ml-1m", given.cache)
    home = given.home / "movielens_1m"
    llm = recorded_by(MODEL, recording(given.data / FILE, data, home), "item_id", "summary")
    as_of = night_before(data.interactions, 0.7)
    night = night_of(data.mapping, as_of, home, given.cache, llm)
    snapshot = written_by(night, data.items, data.interactions.filter(pl.col("timestamp") < night.moment))
    settings = ExampleSettings(
        train_share=0.8,
        valid_share=0.9,
        features=FeatureSettings(families=("base", "text", "llm", "permuted")),
    )
    began, busy = time.monotonic(), time.process_time()
    inputs = ExampleInputs(data.items, data.interactions, {as_of: snapshot})
    builder = inputs.builder(settings)
    examples = build_examples(inputs, settings, builder)
    print(
        f"{examples.shape} built in {time.monotonic() - began:.0f} s, {time.process_time() - busy:.0f} CPU s",
        flush=True,
    )
    lift = LiftSettings(arms=ARMS, seeds=given.seeds, resamples=given.resamples, lightgbm=TREES)
    Judged(night, inputs, settings, builder, examples).tell("lift.movielens_1m", lift, proofs=given.proofs)
    starve(examples, lift)


if __name__ == "__main__":
    main()
