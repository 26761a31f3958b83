"""Lists of candidates: implicit feedback through training, judging and words."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
import pytrec_eval

from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.content import Snapshot
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings
from nightshift.lift.candidate_lists import judge_lists
from nightshift.lift.descriptions import Beside, Space, spaces_of
from nightshift.lift.exposure import Described, Past, Shelf, reads
from nightshift.lift.inference import Draws
from nightshift.lift.settings import LiftSettings
from nightshift.lift.suite import Judged, judge
from nightshift.lift.verdict import GAP, gaps_told, verdict
from nightshift.rankers import LightGBMSettings
from nightshift.sources.datasets.synthetic import SyntheticSettings, World, make_world

pytestmark = pytest.mark.slow

QUICK = LiftSettings(
    arms=("base", "llm", "permuted"),
    seeds=2,
    resamples=200,
    lightgbm=LightGBMSettings(rounds=80, learning_rate=0.1),
)
CANDIDATES = CandidateSettings(
    per_source=25, negatives=15, train_lists=2000, valid_lists=300, test_lists=400, window_days=10
)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(SyntheticSettings(n_users=250, n_items=200, days=20, strength=3.0, popularity_skew=0.5))


@pytest.fixture(scope="module")
def lists(world: World) -> pl.DataFrame:
    clicks = world.interactions.filter(pl.col("label") > 0.5).with_columns(request_id=pl.lit(None, pl.String))
    snapshot = Snapshot(item_tag_scores=world.tag_scores(), item_embeddings=world.embeddings())
    inputs = ExampleInputs(world.items, clicks, {date(2024, 1, 5): snapshot}, implicit=True)
    return build_examples(inputs, ExampleSettings(candidates=CANDIDATES))


@pytest.fixture(scope="module")
def judged(lists: pl.DataFrame, world: World) -> Judged:
    users = pl.DataFrame({"user_id": world.interactions["user_id"].unique().sort()}).with_row_index("n")
    groups = users.select(
        "user_id", half=pl.when(pl.col("n") % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd"))
    )
    raw = world.embeddings().filter(view="raw")
    vectors = pl.concat([raw, raw.with_columns(view=pl.lit("facts"))])
    beside = Beside(users=groups, events=world.interactions, spaces=spaces_of(world.items, vectors))
    return judge(lists, QUICK, beside=beside)


def row(
    lift: pl.DataFrame, arm: str, against: str, metric: str, ranker: str = "lightgbm", part: str = "all"
) -> dict[str, Any]:
    wanted = {"arm": arm, "against": against, "metric": metric, "slice": part, "ranker": ranker}
    return lift.filter(*(pl.col(name) == value for name, value in wanted.items())).to_dicts()[0]


def made(rows: list[tuple[str, str, float, bool]], **columns: list[float]) -> pl.DataFrame:
    """Test rows (user, list, label, retrieved)."""
    return pl.DataFrame(
        rows, schema=["user_id", "group_id", "label", "retrieved"], orient="row"
    ).with_columns(pl.Series(name, values) for name, values in columns.items())


def test_reported_metrics_are_those_of_trec_eval_with_missed_items_unranked(
    judged: Judged, lists: pl.DataFrame
) -> None:
    scored = judged.scores.filter((pl.col("arm") == "llm") & (pl.col("seed") == 0))
    retrieved = scored.filter("retrieved")
    random = (
        np.random.default_rng(0).random(retrieved.height) * 1e-9
    )  # trec_eval breaks ties by name; none are left here
    run: dict[str, dict[str, float]] = {}
    for (group, item, score), nudge in zip(
        retrieved.select("group_id", "item_id", "score").rows(), random, strict=True
    ):
        run.setdefault(group, {})[item] = score + nudge
    order = {
        group: {item: float(-place) for place, item in enumerate(sorted(found, key=found.get, reverse=True))}
        for group, found in run.items()
    }  # type: ignore[arg-type]
    judgements: dict[str, dict[str, int]] = {}
    for group, item in scored.filter(pl.col("label") > 0.5).select("group_id", "item_id").rows():
        judgements.setdefault(group, {})[item] = 1
    expected = pytrec_eval.RelevanceEvaluator(judgements, {"ndcg_cut_10", "recall_20"}).evaluate(order)
    missing = set(judgements) - set(expected)
    alone = judge_one(lists, scored)
    for name, metric in (("ndcg@10", "ndcg_cut_10"), ("recall@20", "recall_20")):
        mean = sum(values[metric] for values in expected.values()) / (len(expected) + len(missing))
        assert alone[name] == pytest.approx(mean, abs=2e-3)  # the nudges decide ties that we average


def judge_one(lists: pl.DataFrame, scored: pl.DataFrame) -> dict[str, float]:
    test = lists.filter(pl.col("split") == "test")
    scores = test.join(scored, on=["user_id", "item_id", "timestamp"], how="left", maintain_order="left")[
        "score"
    ].to_numpy()[None]
    rows = judge_lists(
        test, {"all": np.ones(test.height, np.bool_)}, {"lightgbm": {"llm": scores}}, Draws(0, 100)
    )
    return {found["metric"]: found["value"] for found in rows if found["arm"] == "llm" == found["against"]}


def test_a_missed_item_ranks_infinitely_low_whatever_its_score() -> None:
    test = made([("a", "1", 1.0, True), ("a", "1", 0.0, True), ("b", "2", 0.0, True), ("b", "2", 1.0, False)])
    rows = judge_lists(
        test, {"all": np.ones(4, np.bool_)}, {"r": {"base": np.array([[2.0, 1.0, 0.0, 9.0]])}}, Draws(0, 100)
    )
    values = {(found["arm"], found["metric"]): found["value"] for found in rows}
    assert values["base", "ndcg@10"] == values["base", "recall@20"] == values["base", "mrr@20"] == 0.5
    assert values["candidates", "recall"] == 0.5


def test_a_source_is_judged_by_its_own_scores_and_shows_nothing_where_it_has_none() -> None:
    test = made(
        [("a", "1", 1.0, True), ("a", "1", 0.0, True), ("b", "2", 1.0, True)],
        base__from_ease=[0.1, 0.2, float("nan")],
    )
    rows = judge_lists(
        test, {"all": np.ones(3, np.bool_)}, {"r": {"base": np.array([[2.0, 1.0, 0.0]])}}, Draws(0, 100)
    )
    values = {(found["arm"], found["against"], found["metric"]): found["value"] for found in rows}
    assert values["ease", "ease", "mrr@20"] == 0.25
    assert values["base", "base", "mrr@20"] == 1.0
    assert ("base", "ease", "ndcg@10") in values


def test_a_slice_counts_the_chosen_items_in_it_and_the_user_is_the_unit() -> None:
    test = made(
        [
            ("a", "1", 1.0, True),
            ("a", "1", 1.0, True),
            ("a", "2", 1.0, True),
            ("b", "3", 0.0, True),
            ("b", "3", 1.0, False),
        ]
    )
    mask = np.array([True, False, False, True, True])
    rows = judge_lists(
        test, {"some": mask}, {"r": {"base": np.array([[1.0, 2.0, 1.0, 1.0, 1.0]])}}, Draws(0, 100)
    )
    found = next(found for found in rows if found["arm"] == "base" and found["metric"] == "mrr@20")
    assert (found["n_rows"], found["n_users"]) == (2, 2)
    assert (
        found["value"] == 0.5
    )  # list 1: the other chosen item is neither shown nor counted; list 3 is missed


def test_text_that_says_what_items_are_beats_the_base_and_its_placebo(judged: Judged) -> None:
    assert row(judged.lift, "llm", "base", "ndcg@10")["ci_low"] > 0
    assert row(judged.lift, "llm", "permuted", "ndcg@10")["ci_low"] > 0


def test_the_base_is_held_against_every_source_it_learns_from(judged: Judged) -> None:
    ceiling = row(judged.lift, "candidates", "candidates", "recall", "source")["value"]
    for source in ("popular", "item_knn", "ease"):
        own = row(judged.lift, source, source, "ndcg@10", "source")
        against = row(judged.lift, "base", source, "ndcg@10")
        assert against["difference"] == pytest.approx(against["value"] - own["value"], abs=1e-9)
        assert row(judged.lift, source, source, "recall@20", "source")["value"] <= ceiling <= 1.0


def test_the_verdict_reads_ndcg_and_says_what_candidates_allow(judged: Judged) -> None:
    lines = verdict(judged.lift)
    assert any(line.startswith("llm minus permuted (content lift): NDCG@10 +") for line in lines)
    assert any("was among the candidates: no ranker of them can recall more" in line for line in lines)
    assert any(line.startswith("alone, popular reaches 0.") for line in lines)


def test_slices_are_of_the_chosen_items(judged: Judged, lists: pl.DataFrame) -> None:
    chosen = lists.filter((pl.col("split") == "test") & (pl.col("label") > 0.5))
    assert row(judged.lift, "base", "base", "ndcg@10")["n_rows"] == chosen.height
    cold = chosen.filter(pl.col("base__item_events") < 5).height
    assert row(judged.lift, "base", "base", "ndcg@10", part="cold items (under 5 events)")["n_rows"] == cold


def test_diversity_is_measured_in_spaces_that_an_arm_does_not_rank_by(judged: Judged) -> None:
    found = (
        judged.lift.filter(pl.col("metric").str.starts_with("diversity_")).select("arm", "metric").unique()
    )
    spaces = {arm: {metric for name, metric in found.rows() if name == arm} for arm in found["arm"].unique()}
    assert (
        spaces["base"]
        == spaces["ease"]
        == {"diversity_attributes@10", "diversity_raw@10", "diversity_facts@10"}
    )
    assert spaces["llm"] == {"diversity_attributes@10", "diversity_raw@10"}, (
        "its own similarities are of what was written"
    )


def test_what_an_arm_ranks_by_is_known_of_every_arm_that_reads_text() -> None:
    read = {
        arm: {space for space in ("attributes", "raw", "facts") if reads(arm, space)}
        for arm in ("base", "text", "both", "permuted")
    }
    assert read == {"base": set(), "text": {"raw"}, "both": {"raw", "facts"}, "permuted": set()}
    assert reads("llm_without_tags", "facts")


def test_popularity_is_more_popular_than_the_users_own_past_and_the_least_novel(judged: Judged) -> None:
    for metric in ("popularity_gap@10", "novelty@10"):
        values = {
            name: row(judged.lift, name, name, metric, "source")["value"] for name in ("popular", "ease")
        }
        values["llm"] = row(judged.lift, "llm", "llm", metric)["value"]
        chosen = max if metric == "popularity_gap@10" else min
        assert chosen(values, key=values.__getitem__) == "popular"
    assert row(judged.lift, "popular", "popular", "popularity_gap@10", "source")["value"] > 0


def test_groups_of_users_are_slices_with_a_gap_that_chance_explains(judged: Judged) -> None:
    halves = [
        row(judged.lift, "llm", "llm", "ndcg@10", part=f"group half={name}") for name in ("even", "odd")
    ]
    gap = row(judged.lift, "llm", "llm", "ndcg@10", part=f"{GAP}half")
    assert gap["value"] == pytest.approx(abs(halves[0]["value"] - halves[1]["value"]), abs=1e-9)
    assert gap["n_users"] == sum(half["n_users"] for half in halves)
    assert gap["n_rows"] == sum(half["n_rows"] for half in halves)
    assert gap["p_value"] > 0.01
    against = row(judged.lift, "llm", "base", "ndcg@10", part=f"{GAP}half")
    assert against["difference"] == pytest.approx(
        gap["value"] - row(judged.lift, "base", "base", "ndcg@10", part=f"{GAP}half")["value"]
    )
    assert against["ci_low"] < against["difference"] < against["ci_high"]
    (told,) = gaps_told(judged.lift)
    assert told.startswith(
        f"users by half ({gap['n_users']} users): best and worst served group differ by NDCG@10 0."
    )
    assert f"{gap['value']:.4f} with llm ({gap['p_value']:.0%} of random groups differ as much); llm " in told


def test_a_users_past_is_what_was_chosen_before_the_first_test_list() -> None:
    moment = [datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 10)]
    test = pl.DataFrame({"user_id": ["a", "b"], "group_id": ["2", "1"], "timestamp": [moment[5], moment[7]]})
    events = [("a", "x", moment[0], 1.0), ("b", "x", moment[6], 1.0), ("c", "x", moment[6], 1.0), ("a", "y", moment[1], 0.0),
              ("a", "z", moment[6], 1.0), ("b", "y", moment[1], 1.0)]  # fmt: skip
    log = pl.DataFrame(events, schema=["user_id", "item_id", "timestamp", "label"], orient="row")
    past = Past.of(test, log, pl.Series(["x", "y", "z"]))
    assert past.popularity.tolist() == [2.0, 2.0, 0.0], (
        "c has no test list, so its events end with the first of all"
    )
    assert past.own.tolist() == [2.0, 2.0], "in the order of the lists; what was not chosen is no taste"


def test_spaces_are_of_attributes_and_views_and_an_item_without_a_vector_is_left_out() -> None:
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "attributes": [["war", "love"], ["war"], None]})
    vectors = pl.DataFrame(
        {"item_id": ["b", "a"], "view": ["raw", "raw"], "vector": [[0.0, 1.0], [1.0, 0.0]]}
    )
    spaces = spaces_of(items, vectors)
    assert set(spaces) == {"attributes", "raw"}
    assert spaces["attributes"].of(pl.Series(["b", "a", "c"])).tolist() == [
        [1.0, 0.0],
        [1.0, 1.0],
        [0.0, 0.0],
    ]
    assert spaces["raw"].of(pl.Series(["a", "z"])).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert spaces_of(items.with_columns(attributes=pl.lit(None, pl.List(pl.String))), vectors.clear()) == {}


def test_rows_that_do_not_tell_popularity_are_not_described() -> None:
    test = made([("a", "1", 1.0, True)]).with_columns(item_id=pl.lit("i"))
    assert (
        Described.of(test, Beside(spaces={"raw": Space(pl.Series(["i"]), np.ones((1, 2), np.float32))}))
        is None
    )


def test_what_is_shown_is_described_for_arms_and_sources(judged: Judged) -> None:
    found = judged.lift.filter(pl.col("metric").is_in(["coverage@10", "gini@10", "tail@10"]))
    assert set(found["arm"]) == {"base", "llm", "permuted", "popular", "item_knn", "ease"}
    assert set(found["slice"]) == {"all"}
    assert found["value"].is_between(0.0, 1.0).all()
    assert (
        row(judged.lift, "popular", "popular", "gini@10", "source")["value"]
        > row(judged.lift, "llm", "llm", "gini@10")["value"]
    )


def test_shown_lists_are_the_first_ten_found_by_score() -> None:
    test = made(
        [("a", "1", 0.0, True)] * 12 + [("b", "2", 1.0, False), ("b", "2", 0.0, True)],
        base__item_events=[float(n) for n in range(14)],
    )
    shelf = Shelf.of(test.with_columns(item_id=pl.format("i{}", pl.int_range(10, 24))))
    assert shelf is not None
    lists = shelf.lists(np.array([*range(12), 99.0, 1.0]))
    assert lists[0].tolist() == list(range(11, 1, -1))
    assert lists[1].tolist() == [12] + [-1] * 9  # the missed item is not shown, and has no code
    assert shelf.popularity.tolist() == [*range(12), 13]
