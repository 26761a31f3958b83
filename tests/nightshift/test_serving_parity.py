"""What a ranker reads at serving is what it was trained on: the same numbers for the same pair, moment and
events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ConfigError
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content_spec import first_spec
from nightshift.features.settings import CountSettings, ExampleSettings, FeatureSettings, SimilaritySettings
from nightshift.rankers.context import Context
from nightshift.rankers.din.onnx import OnnxDIN
from nightshift.rankers.din.ranker import DINRanker
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving import Features, Ranker
from tests.every_kind import PARTS
from tests.served import NIGHTS, Served

FAMILIES = ("base", "text", "llm")
EVENT = ["user_id", "item_id", "timestamp", "label"]


def served(folder: Path, settings: FeatureSettings) -> Served:
    home = Served(folder, settings=ExampleSettings(features=settings), codes=settings.codes)
    home.publish(NIGHTS[1])
    return home


def replayed(
    home: Served, features: Features, rows: pl.DataFrame, step: int
) -> Iterator[tuple[pl.DataFrame, datetime]]:
    """Every so many lists of rows and their moments, each after the events before it were added."""
    known = features.night.moment
    for _, group in list(
        rows.sort("timestamp", "user_id", "item_id").group_by("group_id", maintain_order=True)
    )[::step]:
        now = group["timestamp"].min()
        assert isinstance(now, datetime)
        moment = int(group["timestamp"].to_physical().min())  # type: ignore[arg-type]
        time = pl.col("timestamp").to_physical()
        features.add_events(home.events.filter(time >= known, time < moment).select(EVENT), until=now)
        known = moment
        yield group, now


def differences(
    home: Served, features: Features, rows: pl.DataFrame, step: int
) -> tuple[int, dict[str, float]]:
    """Compared rows, and the largest difference of each column between stored rows and the same rows
    through serving."""
    names = [name for name in rows.columns if name.split("__")[0] in FAMILIES]
    compared, worst = 0, dict.fromkeys(names, 0.0)
    for group, now in replayed(home, features, rows, step):
        found = features.columns(group["user_id"][0], group["item_id"].to_list(), now)
        compared += group.height
        for name in names:
            stored = group[name].to_numpy()
            rebuilt = found[name].to_numpy() if name in found.columns else np.full(len(stored), np.nan)
            gap = np.where(np.isnan(stored) & np.isnan(rebuilt), 0.0, np.abs(stored - rebuilt))
            worst[name] = max(worst[name], float(np.nan_to_num(gap, nan=np.inf).max()))
    return compared, worst


def gaps_of_din(home: Served, ranker: Ranker, rows: pl.DataFrame) -> list[float]:
    """How far serving is from `wanted` in every third list of the second night's rows."""
    gaps = []
    for group, now in replayed(home, ranker.features, rows.filter(pl.col("as_of") == NIGHTS[1]), step=3):
        ranked = ranker.rank(group["user_id"][0], group["item_id"].to_list(), now)
        wanted = dict(zip(group["item_id"], group["wanted"], strict=True))
        gaps += [
            abs(chance - wanted[item])
            for item, chance in zip(ranked.items, ranked.probabilities, strict=True)
        ]
    return gaps


@pytest.mark.parametrize(
    "settings",
    [
        FeatureSettings(families=FAMILIES),
        FeatureSettings(families=FAMILIES, codes=True),
        FeatureSettings(
            families=FAMILIES,
            history_length=7,
            counts=CountSettings(recent_days=1.5, recent_events=3),
            similarity=SimilaritySettings(
                columns=("liked", "disliked", "top3", "last", "recent", "nearest_labels"),
                nearest=3,
                facets=True,
                emit_dimensions=3,
            ),
        ),
    ],
    ids=["defaults", "semantic ids", "every column, short history"],
)
def test_training_rows_rebuilt_through_serving_are_equal(tmp_path: Path, settings: FeatureSettings) -> None:
    home = served(tmp_path, settings)
    rows = home.examples(*NIGHTS[:2]).filter(pl.col("as_of") == NIGHTS[1])
    features = Features.open(tmp_path, settings)
    compared, worst = differences(home, features, rows, step=3)
    assert compared > 200
    coded = [name for name in worst if "_code12_liking" in name]
    assert len([name for name in coded if rows[name].is_not_nan().any()]) == (
        12 if settings.codes else 0
    )  # 4 views; itself, rank, z
    assert {name: gap for name, gap in worst.items() if gap > 1e-6} == {}


def test_every_kind_of_feature_is_served_as_it_was_trained(tmp_path: Path) -> None:
    settings = FeatureSettings(families=FAMILIES)
    home = Served(tmp_path, settings=ExampleSettings(features=settings), spec=PARTS)
    home.publish(NIGHTS[1])
    rows = home.examples(*NIGHTS[:2]).filter(pl.col("as_of") == NIGHTS[1])
    features = Features.open(tmp_path, settings, spec=PARTS)
    compared, worst = differences(home, features, rows, step=4)
    assert compared > 200
    assert {name: gap for name, gap in worst.items() if gap > 1e-6} == {}
    for one in PARTS.read_off:
        for name in one.columns:
            assert rows[f"{one.family}__{name}"].is_not_nan().any()


def test_a_ranker_brings_what_it_reads_and_refuses_features_of_something_else(tmp_path: Path) -> None:
    home = Served(tmp_path, spec=PARTS)
    home.publish(NIGHTS[1])
    rows = home.train(*NIGHTS[:2])
    ranker = Ranker.load(tmp_path)
    assert ranker.features.spec == PARTS
    items = rows["item_id"].head(20).unique().to_list()
    found = ranker.features.columns(rows["user_id"][0], [*items, "nobody's"])
    assert found["llm__mood_length_missing"][-1] == 1
    assert np.isfinite(ranker.rank("somebody new", items).probabilities).all()
    (tmp_path / "models" / "lightgbm-llm" / f"as_of={NIGHTS[1]}" / "content.json").unlink()
    with pytest.raises(ConfigError, match="other settings"):
        Ranker.load(tmp_path, features=ranker.features)
    assert Ranker.load(tmp_path).features.spec == first_spec()


def test_rows_after_a_collaborative_refit_are_equal_once_the_stream_has_passed_it(tmp_path: Path) -> None:
    settings = FeatureSettings(families=("base",))
    home = served(tmp_path, settings)
    features = Features.open(tmp_path, settings)
    refit = datetime(2024, 1, 18, tzinfo=UTC)  # a grid point of seven days since 1970
    rows = home.examples(*NIGHTS[:2]).filter(pl.col("timestamp") >= refit)
    before = features._live.refits
    compared, worst = differences(home, features, rows, step=4)
    assert compared > 50
    assert len(features._live.refits) == len(before) + 1
    assert {name: gap for name, gap in worst.items() if gap > 1e-6} == {}
    fitted = features._live.refits[-1].fitted
    user, item = rows["user_id"][0], rows["item_id"][0]
    for when, again in (
        (datetime(2024, 1, 21, tzinfo=UTC), False),
        (datetime(2024, 1, 17, tzinfo=UTC), True),
    ):
        features.add_events(
            pl.DataFrame({"user_id": [user], "item_id": [item], "timestamp": [when], "label": [1.0]})
        )
        assert (
            features._live.refits[-1].fitted is not fitted
        ) == again  # only an event before the refit point asks for another fit


def test_probabilities_are_those_of_the_training_rows(tmp_path: Path) -> None:
    home = served(tmp_path, FeatureSettings())
    rows = home.train(*NIGHTS[:2])
    ranker = Ranker.load(tmp_path)
    stored = LightGBMRanker.load(tmp_path / "models" / "lightgbm-llm" / f"as_of={NIGHTS[1]}")
    first = rows.filter(pl.col("as_of") == NIGHTS[1]).sort("timestamp")
    now = first["timestamp"][0]
    group = first.filter(pl.col("group_id") == first["group_id"][0])
    earlier = home.world.interactions.filter(
        pl.col("timestamp") < now, pl.col("timestamp").dt.date() >= NIGHTS[1]
    )
    ranker.features.add_events(earlier.select(EVENT), until=now)
    ranked = ranker.rank(group["user_id"][0], group["item_id"].to_list(), now)
    wanted = dict(zip(group["item_id"], stored.predict(group), strict=True))
    assert list(ranked.items) == sorted(wanted, key=lambda item: -wanted[item])
    np.testing.assert_allclose(ranked.probabilities, [wanted[item] for item in ranked.items], atol=1e-6)


@pytest.mark.parametrize(
    ("arm", "codes", "vectors"), [("llm", True, False), ("text", False, True), ("base", True, True)]
)
def test_din_served_by_onnx_gives_what_torch_gave_the_training_rows(
    tmp_path: Path, arm: str, codes: bool, vectors: bool
) -> None:
    home = Served(tmp_path, settings=ExampleSettings(features=FeatureSettings(codes=codes)), codes=True)
    home.publish(NIGHTS[1])
    rows, context = home.train_din(*NIGHTS[:2], arm=arm, text_vectors=vectors)
    stored = DINRanker.load(tmp_path / "models" / f"din-{arm}" / f"as_of={NIGHTS[1]}")
    ranker = Ranker.load(tmp_path, arm=arm, ranker="din")
    assert isinstance(ranker.model, OnnxDIN)
    inputs = ranker.model.inputs
    assert bool(inputs.tier_views) == bool(inputs.catalogue.codes) == (arm != "base")
    assert bool(inputs.catalogue.references) == (vectors and arm != "base")
    gaps = gaps_of_din(home, ranker, rows.with_columns(wanted=stored.predict(rows, context)))
    assert len(gaps) > 200
    assert max(gaps) < 1e-5


def test_a_network_of_an_older_night_reads_a_newer_nights_text_vectors_as_torch_does(tmp_path: Path) -> None:
    home = Served(tmp_path, codes=True)
    home.publish(NIGHTS[1])
    home.train_din(NIGHTS[0], text_vectors=True)
    rows = home.examples(NIGHTS[0], NIGHTS[1])
    context = Context.of(home.inputs(NIGHTS[0], NIGHTS[1]), home.settings).seeing(("base", "llm"))
    stored, ranker = (
        DINRanker.load(tmp_path / "models" / "din-llm" / f"as_of={NIGHTS[0]}"),
        Ranker.load(tmp_path, ranker="din"),
    )
    old, new = (context.views(number)["llm__hidden"].vectors for number in (0, 1))
    assert not np.array_equal(old, new)  # other axes, and more items
    gaps = gaps_of_din(home, ranker, rows.with_columns(wanted=stored.predict(rows, context)))
    assert len(gaps) > 50
    assert max(gaps) < 1e-5


@pytest.mark.parametrize("recency", [None, 3.0])
def test_scores_of_the_candidate_stage_are_those_of_the_training_rows(
    tmp_path: Path, recency: float | None
) -> None:
    stage = CandidateSettings(
        per_source=15,
        negatives=6,
        train_lists=200,
        valid_lists=60,
        test_lists=60,
        window_days=5,
        refit_days=2,
        recency=recency,
    )
    home = Served(
        tmp_path,
        settings=ExampleSettings(features=FeatureSettings(families=("base",)), candidates=stage),
        implicit=True,
    )
    home.publish(NIGHTS[1])
    rows = home.train(*NIGHTS[:2], arm="base", rounds=5)
    ranker = Ranker.load(tmp_path, arm="base")
    assert ranker.features.candidates == stage
    listed = rows.filter(pl.col("as_of") == NIGHTS[1], "retrieved")  # what no source found stands in no list
    compared, worst = differences(home, ranker.features, listed, step=3)
    scores = [
        f"base__from_{source}{kind}"
        for source in ("popular", "item_knn", "ease")
        for kind in ("", "_rank", "_z")
    ]
    assert compared > 200
    assert min(rows[name].is_not_nan().mean() for name in scores) > 0.2  # type: ignore[type-var]
    assert {name: gap for name, gap in worst.items() if gap > 1e-6} == {}
