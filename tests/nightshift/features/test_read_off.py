"""Features that are read off a table of their own: numbers, choices, lists and pairs, in every family that
reads them."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from nightshift.errors import ConfigError, IntegrityError, SourceError
from nightshift.features.builder import Builder
from nightshift.features.content import Snapshot
from nightshift.features.content_spec import ContentSpec, Feature, ItemView, first_spec
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.history import midnight
from nightshift.features.night import item_features, user_features
from nightshift.features.parts import Dealing, Named, Pairs, part_of
from nightshift.features.proofs import future_shuffle, night_shuffle, recompute
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.features.specs import Number, OneHot, Overlap, PairScore, Similarity, TagAffinity
from nightshift.rankers.context import Context
from nightshift.sources.datasets.synthetic import World
from tests.every_kind import PARTS, all_kinds

NIGHTS = (date(2024, 1, 5), date(2024, 1, 12))
SETTINGS = ExampleSettings(features=FeatureSettings(permutations=2))


@pytest.fixture(scope="module")
def every(inputs: ExampleInputs, world: World) -> ExampleInputs:
    snapshots = {
        night: all_kinds(world, written, n) for n, (night, written) in enumerate(inputs.snapshots.items())
    }
    return replace(inputs, snapshots=snapshots, spec=PARTS)


@pytest.fixture(scope="module")
def builder(every: ExampleInputs) -> Builder:
    return every.builder(SETTINGS)


@pytest.fixture(scope="module")
def rows(every: ExampleInputs, builder: Builder) -> pl.DataFrame:
    return build_examples(every, SETTINGS, builder)


def beside(rows: pl.DataFrame, table: pl.DataFrame, *key: str) -> pl.DataFrame:
    night = rows.filter(pl.col("as_of") == NIGHTS[1])
    return night.join(table, on=key, how="left", maintain_order="left")


def test_numbers_choices_and_pairs_are_those_of_the_rows_night(
    every: ExampleInputs, rows: pl.DataFrame
) -> None:
    frames = every.snapshots[NIGHTS[1]]
    items, users = beside(rows, frames["mood"], "item_id"), beside(rows, frames["budget"], "user_id")
    pairs = beside(rows, frames["fit"], "user_id", "item_id")
    for found, wanted in (
        (items["llm__mood_length"], items["length"]),
        (users["llm__budget_spent"], users["spent"]),
        (pairs["llm__fit_relevance"], pairs["relevance"]),
        (items["llm__mood_tone_loud_fast"], (items["tone"] == "Loud & fast").replace(False, None)),
    ):
        known = wanted.is_not_null()
        assert known.any()
        np.testing.assert_allclose(found.filter(known), wanted.filter(known).cast(pl.Float32))
    for name in ("mood_length", "mood_tone", "budget_spent", "budget_class", "fit_relevance"):
        values = (
            rows[f"llm__{name}"]
            if f"llm__{name}" in rows.columns
            else rows[f"llm__{name}_{'calm' if name == 'mood_tone' else 'low'}"]
        )
        missing = rows[f"llm__{name}_missing"]
        assert 0 < missing.mean() < 1  # type: ignore[operator]
        assert (values.is_nan() == (missing == 1)).all()


def test_an_overlap_is_the_share_of_the_users_list_that_the_item_has(
    every: ExampleInputs, rows: pl.DataFrame
) -> None:
    frames = every.snapshots[NIGHTS[1]]
    both = beside(rows, frames["mood"], "item_id").join(
        frames["budget"], on="user_id", how="left", maintain_order="left"
    )
    compared = 0
    for row in both.iter_rows(named=True):
        wanted, offered, found = row["wants"], row["offers"], row["llm__budget_wants_overlap"]
        if not wanted or offered is None:
            assert np.isnan(found)
            continue
        assert found == pytest.approx(len(set(wanted) & set(offered)) / len(wanted), abs=1e-6)
        compared += 1
    assert compared > 50


def test_a_new_view_is_compared_like_any_other(rows: pl.DataFrame) -> None:
    assert [name for name in rows.columns if name.startswith("llm__mood_difference")] == [
        "llm__mood_difference", "llm__mood_difference_rank", "llm__mood_difference_z",
    ]  # fmt: skip
    assert rows["llm__mood_difference"].equals(rows["text__raw_difference"])


def test_what_all_rows_of_a_list_share_has_no_place_in_it(rows: pl.DataFrame) -> None:
    ranked = {name.removesuffix("_rank") for name in rows.columns if name.endswith("_rank")}
    assert {"llm__mood_length", "llm__fit_relevance", "llm__budget_wants_overlap"} <= ranked
    assert not {"llm__budget_spent", "llm__budget_class_low", "text__peers_near"} & ranked


def test_what_no_model_wrote_is_text_and_has_no_placebo(rows: pl.DataFrame) -> None:
    assert "text__peers_near" in rows.columns
    assert not [name for name in rows.columns if name.startswith("permuted") and "peers" in name]


@pytest.mark.parametrize(
    "column",
    [
        "mood_length",
        "mood_tone_calm",
        "budget_spent",
        "budget_class_low",
        "budget_wants_overlap",
        "fit_relevance",
    ],
)
@pytest.mark.parametrize("family", ["permuted", "permuted2"])
def test_the_placebo_says_something_else_of_about_as_many_rows(
    rows: pl.DataFrame, column: str, family: str
) -> None:
    truth, dealt = (rows[f"{head}__{column}"].to_numpy() for head in ("llm", family))
    both = ~np.isnan(truth) & ~np.isnan(dealt)
    assert both.sum() > 100
    assert (truth[both] != dealt[both]).mean() > 0.3
    assert abs(np.isnan(truth).mean() - np.isnan(dealt).mean()) < 0.2


def test_two_dealings_deal_users_and_pairs_differently(rows: pl.DataFrame) -> None:
    for column in ("budget_spent", "fit_relevance"):
        one, other = rows[f"permuted__{column}"], rows[f"permuted2__{column}"]
        assert (one.fill_nan(-1) != other.fill_nan(-1)).mean() > 0.3  # type: ignore[operator]


def test_a_users_wrong_number_is_that_of_a_user_of_like_activity_and_stays_overnight(
    every: ExampleInputs, builder: Builder
) -> None:
    log = builder.log(every.interactions)
    first = builder._dealing(log, 0, 0)
    events = np.bincount(log.before(midnight(NIGHTS[0])).user, minlength=log.users.len() + 1)
    code = {user: number for number, user in enumerate(log.users)}
    users, givers = first.users["budget"]
    mine = np.array([events[code[user]] for user in users])
    assert (givers != np.arange(len(givers))).all()
    assert np.abs(mine - mine[givers]).mean() < np.abs(mine - np.roll(mine, 1)).mean()
    later, again = builder._dealing(log, 1, 0).users["budget"]
    wrong = dict(zip(later, later.gather(again), strict=True))
    assert {user: wrong[user] for user in users} == dict(zip(users, users.gather(givers), strict=True))


def test_a_pairs_wrong_number_is_that_of_another_item_of_the_same_user(
    every: ExampleInputs, builder: Builder
) -> None:
    place = [one.table for one in PARTS.read_off].index("fit")
    truth = builder.nights[1].parts[place]
    dealt = builder.placebo(builder.log(every.interactions), 1, 0).parts[place]
    assert isinstance(truth, Pairs) and isinstance(dealt, Pairs)  # noqa: PT018
    assert (truth.keys == dealt.keys).all()
    user = truth.keys[:-1] // truth.stride
    for one in np.unique(user):
        mine = user == one
        if mine.sum() > 1:
            assert sorted(truth.values[:-1][mine]) == sorted(dealt.values[:-1][mine])
            assert (truth.values[:-1][mine] != dealt.values[:-1][mine]).all()


def test_all_kinds_pass_both_proofs(every: ExampleInputs, rows: pl.DataFrame, builder: Builder) -> None:
    assert recompute(every, SETTINGS, rows, sample=25, builder=builder) == []
    cut = rows["timestamp"].sort()[rows.height // 2]
    assert future_shuffle(every, SETTINGS, cut, builder=builder) == []


def test_a_user_column_of_the_night_after_is_caught_by_name(every: ExampleInputs, rows: pl.DataFrame) -> None:
    leaking = rows.with_columns(pl.col("llm__budget_spent") + 1)
    found = recompute(every, SETTINGS, leaking, sample=25)
    assert {one.feature for one in found} == {"llm__budget_spent"}


def test_a_users_table_that_knows_later_events_is_caught_by_name(every: ExampleInputs) -> None:
    def table(events: pl.DataFrame, until: date) -> pl.DataFrame:
        known = events.filter(pl.col("timestamp").dt.date() < until)
        counted = known.group_by("user_id").agg(likes=pl.col("label").sum()).sort("user_id")
        users = every.interactions.select("user_id").unique().sort("user_id")
        return users.join(counted, on="user_id", how="left", maintain_order="left").fill_null(0)

    def columns(until: date) -> list[str]:
        def build(events: pl.DataFrame) -> pl.DataFrame:
            snapshot = Snapshot(likes=table(events, until))
            spec = ContentSpec(features=(Feature("likes", "user", Number("likes")),))
            return user_features(
                every.items,
                every.interactions.filter(pl.col("timestamp").dt.date() < NIGHTS[0]),
                snapshot,
                NIGHTS[0],
                spec=spec,
            )

        return [one.feature for one in night_shuffle(build, every.interactions, NIGHTS[0])]

    assert columns(NIGHTS[0]) == []
    assert set(columns(NIGHTS[1])) == {"llm__likes_likes"}


def test_nightly_tables_have_the_columns_of_their_own_side(every: ExampleInputs) -> None:
    made = {
        build: build(
            every.items, every.interactions, every.snapshots[NIGHTS[1]], NIGHTS[1], spec=PARTS
        ).columns
        for build in (item_features, user_features)
    }
    items, users = made[item_features], made[user_features]
    assert {"llm__mood_length", "llm__mood_tone_calm", "llm__mood_00"} <= set(items)
    assert {"llm__budget_spent", "llm__budget_class_high", "text__peers_near", "llm__mood_liked_00"} <= set(
        users
    )
    assert not [name for name in items if "budget" in name]


def test_a_night_before_the_table_says_that_all_is_missing(
    every: ExampleInputs, inputs: ExampleInputs
) -> None:
    mixed = replace(
        every, snapshots={NIGHTS[0]: inputs.snapshots[NIGHTS[0]], NIGHTS[1]: every.snapshots[NIGHTS[1]]}
    )
    made = build_examples(mixed, SETTINGS).filter(pl.col("as_of") == NIGHTS[0])
    for name in ("budget_spent", "mood_length", "fit_relevance", "budget_wants_overlap"):
        assert made[f"llm__{name}"].is_nan().all()
        assert (made[f"llm__{name}_missing"] == 1).all()


def test_din_may_look_at_a_new_view_in_every_family_that_reads_it(every: ExampleInputs) -> None:
    context = Context.of(every, SETTINGS)
    assert [name for name in context.views(1) if name.endswith("mood")] == ["llm__mood", "permuted__mood"]


def test_a_spec_comes_back_from_what_was_saved() -> None:
    assert ContentSpec.of_json(PARTS.to_json()) == PARTS
    with pytest.raises(IntegrityError, match="cannot be read by this version"):
        ContentSpec.of_json('{"views": [], "features": [{"kind": "smell"}]}')


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([Feature("mood", "item", Number("length"))] * 2, "'mood_length' is made twice"),
        ([Feature("mood", "item", OneHot("tone", ("a b", "A-B")))], "'mood_tone_a_b' is made twice"),
        ([Feature("mood", "item", Similarity("smell"))], "view 'smell', which no enrichment"),
        ([Feature("mood", "item", TagAffinity("tags"))], "tag_affinity"),
    ],
)
def test_columns_that_cannot_be_told_apart_are_refused(more: list[Feature], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ContentSpec(first_spec().views, (*first_spec().features, *more))


@pytest.mark.parametrize("name", ["facts", "raw", "template"])
def test_two_views_of_one_name_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"view '{name}' is made twice"):
        ContentSpec((*first_spec().views, ItemView(name, "text", "mood")))


def test_words_where_a_number_is_read_are_refused(every: ExampleInputs) -> None:
    with pytest.raises(SourceError, match=r"mood.tone, which holds String and no numbers"):
        part_of(Feature("mood", "item", Number("tone")), every.snapshots[NIGHTS[0]], every.items["item_id"])


@pytest.mark.parametrize("one", PARTS.read_off, ids=lambda one: f"{one.spec.kind} of {one.entity}")
def test_a_part_of_a_night_without_the_table_speaks_of_nobody(one: Feature, every: ExampleInputs) -> None:
    part = part_of(one, Snapshot(), every.items["item_id"])
    columns = part.columns(pl.Series(["nobody", "u1"]), np.array([0, every.items.height]))
    assert set(columns) == set(one.columns)
    assert (columns[one.columns[-1]] == 1).all()
    assert isinstance(part.users, Named | None)


def test_overlap_may_stand_on_either_side(every: ExampleInputs) -> None:
    frames, ids = every.snapshots[NIGHTS[0]], every.items["item_id"]
    sides = (
        part_of(Feature("budget", "user", Overlap("wants", "mood.offers")), frames, ids),
        part_of(Feature("mood", "item", Overlap("offers", "budget.wants")), frames, ids),
    )
    users = frames["budget"]["user_id"]
    one, other = (next(iter(side.columns(users, np.arange(users.len())).values())) for side in sides)
    np.testing.assert_array_equal(one, other)


def test_a_pair_of_a_user_with_one_pair_gets_that_of_another_such_user() -> None:
    frame = pl.DataFrame({"user_id": list("abc"), "item_id": ["i", "j", "i"], "score": [1.0, 2.0, 3.0]})
    one = Feature("fit", "pair", PairScore("score"))
    part = part_of(one, Snapshot(fit=frame), pl.Series(["i", "j"]))
    dealing = Dealing(np.arange(2), {}, (0, 0))
    dealt = part.dealt(dealing, one).columns(frame["user_id"], np.array([0, 1, 0]))["fit_score"]
    assert sorted(dealt) == [1.0, 2.0, 3.0]
    assert (dealt != [1.0, 2.0, 3.0]).all()
