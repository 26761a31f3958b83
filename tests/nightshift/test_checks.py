from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from nightshift.enrichments.item_tag_scores.checks import jensen_shannon, tag_drift
from nightshift.night.checks import (
    coverage,
    distinct_vectors,
    freshness,
    no_times,
    not_empty,
    nothing_from_the_future,
    one_row_each,
    reject_share,
    schema,
    unique_key,
)
from nightshift.night.checks import vectors_are_sound as sound
from nightshift.tables import ITEM_EMBEDDINGS, ITEM_FEATURES, REJECTS

NIGHT = datetime(2024, 1, 2, tzinfo=UTC)


def test_an_empty_table_fails() -> None:
    assert not not_empty(pl.DataFrame({"a": []})).passed
    assert not_empty(pl.DataFrame({"a": [1]})).passed
    assert not_empty(pl.DataFrame({"a": []}), "Mend the source").message == "0 rows. Mend the source"
    assert not_empty(pl.DataFrame({"a": [1]}), "Mend the source").message == "1 row"


def test_a_schema_check_says_what_does_not_fit() -> None:
    assert schema(ITEM_FEATURES, pl.DataFrame({"item_id": ["1"], "x": [1.0]})).passed
    failed = schema(ITEM_FEATURES, pl.DataFrame({"x": [1.0]}))
    assert not failed.passed
    assert "'item_id'" in failed.message


def test_a_key_that_stands_twice_is_named_and_leaves_the_schema_alone() -> None:
    frame = pl.DataFrame({"item_id": ["1", "2", "2"], "x": [1.0, 2.0, 3.0]})
    assert schema(ITEM_FEATURES, frame).passed
    checked = unique_key(ITEM_FEATURES, frame)
    assert (checked.passed, checked.blocking, checked.numbers) == (False, True, {"extra_rows": 1})
    assert "1 key (item_id) seen more than once, the first: ['2']" in checked.message
    assert unique_key(ITEM_FEATURES, frame.head(2)).passed
    assert unique_key(ITEM_FEATURES, frame.clear()).passed
    assert "no column 'item_id'" in unique_key(ITEM_FEATURES, frame.select("x")).message


def test_a_key_of_several_columns_is_named_whole() -> None:
    frame = ITEM_EMBEDDINGS.conform(vectors([("raw", "e", [1.0])]))
    assert unique_key(ITEM_EMBEDDINGS, frame).passed
    assert "[('0', 'raw')]" in unique_key(ITEM_EMBEDDINGS, pl.concat([frame, frame])).message


@pytest.mark.parametrize(
    ("at", "passed"), [(datetime(2024, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC), True), (NIGHT, False)]
)
def test_the_very_moment_of_the_night_is_the_future(at: datetime, passed: bool) -> None:
    frame = pl.DataFrame({"user_id": ["u"], "timestamp": [at]})
    checked = nothing_from_the_future(frame, "timestamp", NIGHT)
    assert checked.passed is passed
    assert checked.numbers == {"late_rows": 0 if passed else 1}
    assert nothing_from_the_future(frame.clear(), "timestamp", NIGHT).passed


def test_a_late_row_is_shown() -> None:
    frame = pl.DataFrame(
        {"user_id": ["early", "late"], "timestamp": [datetime(2024, 1, 1, tzinfo=UTC), NIGHT]}
    )
    assert "'user_id': 'late'" in nothing_from_the_future(frame, "timestamp", NIGHT).message


def test_events_that_end_days_before_the_night_warn() -> None:
    assert freshness(NIGHT - timedelta(hours=48), NIGHT, 48).passed
    stale = freshness(NIGHT - timedelta(hours=60), NIGHT, 48)
    assert (stale.passed, stale.blocking, stale.numbers["hours"]) == (False, False, 60.0)
    assert "newest event: 2023-12-30 12:00 UTC, 60.0 hours before the night" in stale.message
    assert "checks.max_event_age_hours" in stale.message
    assert freshness(None, NIGHT, 48).passed
    assert no_times().passed


def test_coverage_is_met_exactly_at_its_least_share() -> None:
    assert coverage(99, 100, 0.99, "items").passed
    assert not coverage(98, 100, 0.99, "items").passed
    assert coverage(0, 0, 1.0, "items").passed
    assert coverage(1, 2, 0.9, "items", blocking=False).blocking is False


def test_rejects_are_counted_by_reason_and_the_worst_are_shown() -> None:
    rejects = REJECTS.conform(
        REJECTS.empty()
        .clear(3)
        .with_columns(
            table=pl.lit("t"), key=pl.Series(["1", "2", "3"]), reason=pl.Series(["empty", "refusal", "empty"])
        )
    )
    assert reject_share(rejects, 15, 0.2).passed
    failed = reject_share(rejects, 14, 0.2)
    assert not failed.passed
    assert "{'empty': 2, 'refusal': 1}" in failed.message
    assert "'1'" in failed.message
    assert "checks.max_reject_share" in failed.message
    assert reject_share(REJECTS.empty(), 0, 0.0).passed


def vectors(rows: list[tuple[str, str, list[float] | None]]) -> pl.DataFrame:
    named = [(str(n), *row) for n, row in enumerate(rows)]
    schema = {"item_id": pl.String, "view": pl.String, "encoder_id": pl.String, "vector": pl.List(pl.Float32)}
    return pl.DataFrame(named, schema=schema, orient="row")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("raw", "e", [1.0, 0.0]), ("raw", "f", [0.0, 1.0])], "view raw mixes"),
        ([("raw", "e", [1.0, 0.0]), ("raw", "e", [1.0])], "widths"),
        ([("raw", "e", [1.0, 1.0])], "norms 1.414 to 1.414, expected 1"),
        ([("raw", "e", [0.0, 0.0])], "norms 0.000"),
        ([("hidden", "e", [float("nan"), 0.0])], "view hidden: 1 vector not finite"),
        ([("raw", "e", [float("inf"), 0.0])], "not finite, the first: ['0']"),
        ([("raw", "e", [1.0, 0.0]), ("raw", "e", None)], "view raw: 1 missing vector, the first: ['1']"),
    ],
)
def test_a_vector_that_is_not_sound_is_found(
    rows: list[tuple[str, str, list[float] | None]], said: str
) -> None:
    checked = sound(vectors(rows))
    assert not checked.passed
    assert said in checked.message


def test_hidden_states_keep_their_own_scale_and_views_their_own_encoder() -> None:
    checked = sound(
        vectors([("hidden", "m", [3.0, 4.0, 0.0]), ("raw", "e", [0.6, 0.8]), ("raw", "e", [1.0, 0.0])])
    )
    assert checked.passed
    assert checked.numbers == {"hidden": 1, "raw": 2}
    assert sound(vectors([])).passed


def texts(*keys: str) -> pl.DataFrame:
    ids = pl.Series("item_id", [str(n) for n in range(len(keys))], dtype=pl.String)
    return pl.DataFrame([ids, pl.Series("content_key", keys, dtype=pl.String)]).with_columns(
        view=pl.lit("raw")
    )


def test_an_encoder_that_says_the_same_of_everything_is_stopped_and_equal_texts_are_not() -> None:
    same = vectors([("raw", "e", [1.0, 0.0])] * 3 + [("hidden", "m", [1.0, 0.0])])
    checked = distinct_vectors(same, texts("a", "b", "c"), 0.2)
    assert (checked.passed, checked.blocking, checked.numbers["largest"]) == (False, True, 1.0)
    assert "item_id ['0', '1', '2']" in checked.message
    assert distinct_vectors(same, texts("a", "a", "a"), 0.0).passed, "one text, one vector"
    other = vectors([("raw", "e", [1.0, 0.0]), ("raw", "e", [0.0, 1.0]), ("raw", "e", [0.0, 1.0])])
    assert distinct_vectors(other, texts("a", "b", "b"), 0.0).passed
    assert distinct_vectors(other, texts("a", "b", "c"), 0.7).passed
    assert not distinct_vectors(other, texts("a", "b", "c"), 0.6).passed
    pairs = vectors(
        [
            ("raw", "e", [1.0, 0.0]),
            ("raw", "e", [1.0, 0.0]),
            ("raw", "e", [0.0, 1.0]),
            ("raw", "e", [0.0, 1.0]),
        ]
    )
    in_pairs = distinct_vectors(pairs, texts("a", "b", "c", "d"), 0.5)
    assert (in_pairs.passed, in_pairs.numbers["share"], in_pairs.numbers["largest"]) == (True, 1.0, 0.5)
    assert distinct_vectors(vectors([]), texts(), 0.0).passed


def shares(**values: float) -> pl.DataFrame:
    return pl.DataFrame({"facet": "mood", "tag": list(values), "share": list(values.values())})


def test_divergence_is_zero_for_equal_one_for_disjoint_and_symmetric() -> None:
    assert jensen_shannon(shares(a=0.3, b=0.7), shares(b=0.7, a=0.3)) == pytest.approx(0)
    assert jensen_shannon(shares(a=1.0), shares(b=1.0)) == pytest.approx(1)
    left, right = shares(a=0.5, b=0.5), shares(a=1.0)
    assert (
        jensen_shannon(left, right)
        == pytest.approx(jensen_shannon(right, left))
        == pytest.approx(0.311, abs=1e-3)
    )


def test_drift_looks_at_each_items_top_tag_and_only_warns() -> None:
    def scores(*tops: str) -> pl.DataFrame:
        rows = [
            (str(n), "mood", tag, 1.0 if tag == top else 0.0)
            for n, top in enumerate(tops)
            for tag in ("dark", "sad")
        ]
        return pl.DataFrame(rows, schema=["item_id", "facet", "tag", "score"], orient="row")

    assert tag_drift(scores("dark", "sad"), scores("sad", "dark"), 0.0).passed
    drifted = tag_drift(scores("dark", "dark"), scores("sad", "sad"), 0.5)
    assert (drifted.passed, drifted.blocking, drifted.numbers["divergence"]) == (
        False,
        False,
        pytest.approx(1.0),
    )
    assert "mood dark 0.0% to 100.0%, mood sad 100.0% to 0.0%" in drifted.message
    assert tag_drift(scores("dark"), scores("dark").clear(), 0.0).passed


def test_exactly_the_owners_have_a_row() -> None:
    owners = pl.DataFrame({"item_id": ["1", "2"]})
    assert one_row_each(owners, owners, "item_id").passed
    for ids, said in (
        (["1"], "missing: ['2']"),
        (["1", "2", "3"], "unexpected: ['3']"),
        (["1", "1", "2"], "more than one row: ['1']"),
    ):
        checked = one_row_each(pl.DataFrame({"item_id": ids}), owners, "item_id")
        assert not checked.passed
        assert said in checked.message
