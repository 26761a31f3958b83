import pytest

from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import built_in, tables_of
from nightshift.night.lineage import derives_from, named_of, patterns_of
from nightshift.tables import ITEM_FACTS, RANKING_EXAMPLES, USER_FEATURES

TABLES = tables_of(built_in())

ALL_NAMED = [
    (table, column, source)
    for table, columns in (
        named_of(built_in()) | {each.name: each.sources for each in built_in().values()}
    ).items()
    for column, sources in columns.items()
    for source in sources
]
ALL_FEATURES = [source for _, sources in patterns_of(content_spec(built_in())) for source in sources]


def test_every_column_named_is_there() -> None:
    for table, column, _ in ALL_NAMED:
        assert column in TABLES[table].columns
    for source in [source for _, _, source in ALL_NAMED] + ALL_FEATURES:
        table, column = source.split(".")
        assert column in TABLES[table].columns, source


def test_every_table_but_sources_and_rejects_tells_where_its_keys_come_from() -> None:
    own = {
        "tag",
        "facet",
        "view",
        "timestamp",
        "source",
        "seed",
        "arm",
        "ranker",
        "metric",
        "slice",
        "against",
    }
    for name, table in TABLES.items():
        if name not in ("items", "rejects"):
            told = derives_from(table, table.columns, built_in())
            assert told
            assert set(table.key) - own <= set(told), name


def test_no_column_comes_from_its_own_table() -> None:
    assert not [(table, source) for table, _, source in ALL_NAMED if source.startswith(f"{table}.")]


@pytest.mark.parametrize(
    ("feature", "sources"),
    [
        ("base__events", {"interactions.timestamp"}),
        ("base__user_recency_days", {"interactions.timestamp"}),
        ("base__rate", {"interactions.label", "interactions.timestamp"}),
        ("base__collab_odds_rank", {"interactions.label", "interactions.timestamp"}),
        ("base__liking_film_noir", {"items.attributes", "interactions.label"}),
        ("text__raw_07", {"item_embeddings.vector"}),
        ("text__raw_missing", {"item_embeddings.vector"}),
        ("text__raw_liked_07", {"item_embeddings.vector", "interactions.label"}),
        ("llm__hidden_nearest_labels_z", {"item_embeddings.vector", "interactions.label"}),
        ("llm__tag_mood_dark", {"item_tag_scores.score"}),
        ("llm__tags_07", {"item_tag_scores.score"}),
        ("llm__tag_liking", {"item_tag_scores.score", "interactions.label"}),
        ("llm__liking_mood_dark", {"item_tag_scores.score", "interactions.label"}),
        (
            "llm__prefers_mood_dark",
            {"user_preferences.likes", "user_preferences.dislikes", "item_tag_scores.score"},
        ),
        (
            "llm__preferences_missing",
            {"user_preferences.likes", "user_preferences.dislikes", "item_tag_scores.score"},
        ),
        ("llm__preference_summary_rank", {"user_embeddings.vector", "item_embeddings.vector"}),
        ("permuted2__facts_highest", {"item_embeddings.vector", "interactions.label"}),
        ("llm__hidden_code12_rate", {"item_codes.codes", "interactions.label"}),
        ("template__template_highest", {"item_embeddings.vector", "interactions.label"}),
    ],
)
def test_features_are_known_by_their_names(feature: str, sources: set[str]) -> None:
    assert set(derives_from(RANKING_EXAMPLES, [feature], built_in())[feature]) == sources


def test_a_column_that_comes_from_nowhere_is_left_out() -> None:
    assert derives_from(ITEM_FACTS, ["item_id", "model_id"], built_in()) == {"item_id": ("items.item_id",)}
    assert derives_from(USER_FEATURES, ["shop__own_feature"], built_in()) == {}
