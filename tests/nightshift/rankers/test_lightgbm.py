import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import ndcg_score

from nightshift.errors import SourceError, TableError
from nightshift.rankers import LightGBMRanker, LightGBMSettings, Ranker
from nightshift.rankers.conformance import RankerConformance
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lists import lists_of
from nightshift.rankers.platt import fit_platt, probability
from nightshift.rankers.tuning import MOST_TRIALS, VARIANTS, choose


class TestLightGBM(RankerConformance):
    def make_ranker(self) -> Ranker:
        return LightGBMRanker(LightGBMSettings(rounds=60, patience=10))


class TestLambdaRank(RankerConformance):
    def make_ranker(self) -> Ranker:
        return LightGBMRanker(LightGBMSettings(objective="lambdarank", rounds=60, patience=10))


class TestXendcg(RankerConformance):
    def make_ranker(self) -> Ranker:
        return LightGBMRanker(LightGBMSettings(objective="rank_xendcg", rounds=60, patience=10))


def rows(size: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=size)
    label = (random.random(size) < 1 / (1 + np.exp(-x))).astype(np.float32)
    return pl.DataFrame({"base__x": x.astype(np.float32), "label": label})


def shown(lists: int, length: int = 10, seed: int = 0) -> pl.DataFrame:
    """Lists in which `x` tells the order and each list has a level of its own that tells nothing."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(lists, length))
    label = (x + random.normal(size=x.shape) > np.quantile(x, 0.7)).astype(np.float32)
    columns = {
        "base__x": (x + random.normal(size=(lists, 1)) * 3).ravel(),
        "group_id": np.repeat([f"g{n}" for n in range(lists)], length),
    }
    frame = pl.DataFrame({**columns, "label": label.ravel()}).with_columns(
        pl.lit(float(length)).alias("base__list_size")
    )
    return frame.sample(fraction=1.0, shuffle=True, seed=seed)  # the rows of a list do not stand together


def test_probabilities_are_calibrated() -> None:
    train, valid, test = rows(4000), rows(4000)[:1000], rows(4000)
    ranker = LightGBMRanker().fit(train, valid, ("base__x",))
    assert ranker.predict(test).mean() == pytest.approx(float(test["label"].mean()), abs=0.03)


def test_without_validation_rows_a_tenth_of_the_rounds_is_grown() -> None:
    ranker = LightGBMRanker(LightGBMSettings(rounds=100)).fit(rows(300), rows(0), ("base__x",))
    assert ranker.predict(rows(5)).shape == (5,)


def test_a_rankers_old_folder_without_a_calibration_is_read(tmp_path: Path) -> None:
    ranker = LightGBMRanker(LightGBMSettings(rounds=10)).fit(rows(300), rows(100), ("base__x",))
    ranker.save(tmp_path)
    about = tmp_path / "features.json"
    about.write_text(
        json.dumps({name: value for name, value in json.loads(about.read_text()).items() if name != "platt"})
    )
    assert np.array_equal(LightGBMRanker.load(tmp_path).predict(rows(50)), ranker.predict(rows(50)))


def test_contributions_add_up_to_the_log_odds() -> None:
    ranker, some = (
        LightGBMRanker(LightGBMSettings(rounds=40)).fit(rows(2000), rows(300), ("base__x",)),
        rows(50),
    )
    parts = ranker.contributions(some)
    assert parts.columns == ["base__x", "base_value"]
    odds = parts.sum_horizontal().to_numpy()
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(ranker.predict(some), abs=1e-9)
    assert np.corrcoef(parts["base__x"], some["base__x"])[0, 1] > 0.8
    assert ranker.contributions(some.head(0)).height == 0


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg"])
def test_objectives_of_lists_learn_the_order_within_lists(objective: str) -> None:
    settings = LightGBMSettings.model_validate({"objective": objective, "rounds": 100})
    test = shown(300, seed=3)
    ranker = LightGBMRanker(settings).fit(shown(600, seed=1), shown(200, seed=2), ("base__x",))
    scored = test.with_columns(score=ranker.predict(test))
    parts = [part for _, part in scored.group_by("group_id") if part["label"].sum() > 0]
    found = np.mean(
        [ndcg_score([part["label"].to_numpy()], [part["score"].to_numpy()], k=10) for part in parts]
    )
    chance = np.mean(
        [ndcg_score([part["label"].to_numpy()], [np.zeros(part.height)], k=10) for part in parts]
    )
    assert found > chance + 0.1


def test_scores_of_lists_become_calibrated_probabilities() -> None:
    ranker = LightGBMRanker(LightGBMSettings(objective="lambdarank", rounds=60)).fit(
        shown(600, seed=1), shown(200, seed=2), ("base__x",)
    )
    test = shown(400, seed=3)
    assert ranker.predict(test).mean() == pytest.approx(float(test["label"].mean()), abs=0.03)


def test_lists_are_brought_together_in_the_order_of_their_first_rows() -> None:
    frame = pl.DataFrame({"group_id": ["b", "a", "b", "c", "a"], "label": [1.0, 0, 0, 1, 0]})
    lists = lists_of(frame)
    assert frame["group_id"].gather(lists.order).to_list() == ["b", "b", "a", "a", "c"]
    assert lists.sizes.tolist() == [2, 2, 1]
    assert lists.order.tolist() == [0, 2, 1, 4, 3]


def test_what_lightgbm_cannot_rank_is_refused_with_the_way_out() -> None:
    good = shown(20)
    with pytest.raises(SourceError, match=r"list 'long' has 10,001 rows .*objective: binary"):
        lists_of(pl.DataFrame({"group_id": ["short"] * 2 + ["long"] * 10_001, "label": [0.0] * 10_003}))
    with pytest.raises(SourceError, match=r"label 31\.0 in row 0"):
        lists_of(good.with_columns(label=pl.lit(31.0)))
    with pytest.raises(SourceError, match=r"label 0\.5 in row 0"):
        lists_of(good.with_columns(label=pl.lit(0.5)))
    with pytest.raises(SourceError, match="never shown as lists"):
        lists_of(good.with_columns(base__list_size=pl.lit(float("nan"))))
    with pytest.raises(SourceError, match="never shown as lists"):
        lists_of(pl.DataFrame({"group_id": ["a", "b"], "label": [0.0, 1.0]}))
    with pytest.raises(SourceError, match="1 rows are in no list"):
        lists_of(pl.DataFrame({"group_id": ["a", None], "label": [0.0, 1.0]}))
    with pytest.raises(TableError, match="group_id"):
        lists_of(good.drop("group_id"))


def test_platt_finds_slope_and_offset_and_keeps_the_order() -> None:
    random = np.random.default_rng(0)
    score = random.normal(size=20_000) * 3 + 1
    label = (random.random(20_000) < probability(score, (0.7, -0.4))).astype(np.float64)
    assert fit_platt(score, label) == pytest.approx((0.7, -0.4), abs=0.05)
    assert fit_platt(-score, label)[0] > 0
    assert fit_platt(score, np.ones(20_000)) == (1.0, 0.0)


def test_every_arm_gets_the_same_trials_and_the_best_on_validation_is_chosen() -> None:
    tried: list[int] = []

    def fit(settings: LightGBMSettings) -> Ranker:
        tried.append(settings.leaves)
        few = settings.model_copy(update={"rounds": 40 if settings.leaves == 31 else 1, "patience": 40})
        return LightGBMRanker(few).fit(rows(2000), rows(200), ("base__x",))

    chosen = choose(LightGBMSettings(), "lightgbm", 3, fit, rows(500), None)
    assert tried == [15, 7, 31]
    assert chosen.leaves == 31
    tried.clear()
    assert choose(LightGBMSettings(), "lightgbm", 1, fit, rows(500), None) == LightGBMSettings()
    assert choose(LightGBMSettings(), "lightgbm", 6, fit, rows(0), None) == LightGBMSettings()
    assert tried == []


def test_variants_are_valid_settings_and_the_first_changes_nothing() -> None:
    classes = {"lightgbm": LightGBMSettings, "din": DINSettings}
    for name, variants in VARIANTS.items():
        assert len(variants) == MOST_TRIALS
        assert variants[0] == {}
        assert (
            len({classes[name].model_validate(change).model_dump_json() for change in variants})
            == MOST_TRIALS
        )
