"""What the lift benchmarks do before and after the long part."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.lift.content import night_of
from benchmarks.lift.movielens_1m import night_before, recording
from benchmarks.lift.page import Judged
from benchmarks.lift.telling import ARMS, line, shown
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.settings import LiftSettings
from nightshift.rankers.lightgbm import LightGBMSettings
from nightshift.sources.datasets.base import Dataset
from nightshift.sources.datasets.movielens import MAPPING
from nightshift.sources.datasets.synthetic import SyntheticSettings, make_world
from nightshift.tables import INTERACTIONS, ITEM_EMBEDDINGS, ITEMS, LIFT, RANKING_SCORES


@pytest.mark.parametrize("name", ["movielens_1m", "goodreads", "amazon_beauty"])
def test_without_its_data_a_benchmark_says_what_is_missing_and_ends_well(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"benchmarks.lift.{name}", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"skipped: {tmp_path / name}")
    assert "--data" in done.stdout


def dataset(*item_ids: str) -> Dataset:
    empty = ITEMS.empty().clear()
    items = pl.DataFrame({"item_id": item_ids}).join(empty, on="item_id", how="left")
    return Dataset("ml-1m", items, INTERACTIONS.empty(), items, INTERACTIONS.empty(), MAPPING)


def test_recorded_sentences_find_their_films_by_title_whatever_the_encoding(tmp_path: Path) -> None:
    said = pl.DataFrame(
        {
            "item_id": ["1", "2", "3"],
            "title": ["Toy Story (1995)", "Mis\ufffdrables, Les (1995)", "Heat (1995)"],
            "summary": ["Toys.", "Misery.", "Heat."],
        }
    )
    said.write_parquet(tmp_path / "said.parquet")
    official = recording(tmp_path / "said.parquet", dataset("1", "2"), tmp_path / "mine")
    assert official == tmp_path / "said.parquet", "its own ids are known: nothing is matched"
    mapped = recording(
        tmp_path / "said.parquet",
        dataset("Toy Story (1995)", "Misérables, Les (1995)", "Fargo (1996)"),
        tmp_path / "mine",
    )
    assert sorted(pl.read_parquet(mapped).rows()) == [
        ("Misérables, Les (1995)", "Misery."),
        ("Toy Story (1995)", "Toys."),
    ]


def test_the_night_begins_after_its_share_of_the_events() -> None:
    events = pl.DataFrame({"timestamp": [datetime(2000, 1, day, 12, tzinfo=UTC) for day in range(1, 11)]})
    assert night_before(events, 0.5) == date(2000, 1, 7)


def test_the_quoted_line_holds_difference_interval_and_p_of_what_was_measured() -> None:
    rows = [
        {"arm": "llm", "against": "permuted", "ranker": "lightgbm", "metric": "auc", "slice": name, "difference": gain,
         "ci_low": gain - 0.001, "ci_high": gain + 0.001, "p_value": 0.004, "value": 0.8, "n_users": 9, "n_rows": 99}
        for name, gain in (("all", 0.002), ("tail items (bottom 60%)", 0.003), ("known users (20 events or more)", 0.9))
    ]  # fmt: skip
    lift = LIFT.conform(pl.DataFrame(rows, schema={name: LIFT.schema[name] for name in rows[0]}).with_columns(
        [pl.lit(None, dtype).alias(name) for name, dtype in LIFT.schema.items() if name not in rows[0]]
    ))  # fmt: skip
    assert shown(rows[0]) == "+0.0020 [+0.0010, +0.0030] p 0.004"
    assert line(lift) == (
        "AUC: all llm - permuted +0.0020 [+0.0010, +0.0030] p 0.004, tail llm - permuted +0.0030 "
        "[+0.0020, +0.0040] p 0.004"
    )


def test_a_benchmark_leaves_tables_and_a_report_whose_proofs_were_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(SyntheticSettings(n_users=60, n_items=120, days=20))
    as_of = date(2024, 1, 5)
    snapshot = Snapshot(
        item_tag_scores=world.tag_scores(), item_embeddings=ITEM_EMBEDDINGS.conform(world.embeddings())
    )
    inputs = ExampleInputs(world.items, world.interactions, {as_of: snapshot})
    settings = ExampleSettings(features=FeatureSettings(families=("base", "text", "llm", "permuted")))
    builder = inputs.builder(settings)
    night = night_of(MAPPING, as_of, tmp_path, tmp_path)
    judged = Judged(night, inputs, settings, builder, build_examples(inputs, settings, builder))
    judged.tell(
        "lift.world", LiftSettings(arms=ARMS, seeds=1, resamples=100, lightgbm=LightGBMSettings(rounds=20))
    )
    said = capsys.readouterr().out
    assert "proof recompute: 0 differences" in said
    assert "lift.world: AUC: all llm - base" in said
    page = Path(said.splitlines()[-1].removeprefix("report: "))
    assert "0 differences" in page.read_text("utf-8")
    assert night.store.read(RANKING_SCORES, as_of)["arm"].unique().sort().to_list() == [
        "base",
        "both",
        "llm",
        "permuted",
        "text",
    ]
