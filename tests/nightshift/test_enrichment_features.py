"""What rankers read of the enrichments follows from the declarations."""

from typing import Any

import polars as pl
import pytest

from nightshift.enrichments.base import Computed, Enrichment, TextView
from nightshift.enrichments.entities import GROUP, ITEM, PAIR, USER, Entity
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import built_in, registry_of
from nightshift.errors import ConfigError
from nightshift.features.content_spec import first_spec
from nightshift.features.specs import (
    Edges,
    Number,
    OneHot,
    Overlap,
    PairScore,
    Similarity,
    Spec,
    TagAffinity,
)
from nightshift.night.lineage import derives_from
from nightshift.tables import RANKING_EXAMPLES, STRINGS, Column
from tests.shop import Shop

COLUMNS = {"length": pl.Int32, "tone": pl.String, "offers": STRINGS, "text": pl.String}


def nothing(context: Any) -> pl.DataFrame:
    return pl.DataFrame()


def declared(name: str, entity: Entity, *features: Spec, **more: Any) -> Enrichment[Any]:
    columns = {column: Column(dtype, "") for column, dtype in COLUMNS.items()}
    return Enrichment(name, name, entity, columns, Computed(nothing), features=features, **more)


def with_ours(*others: Enrichment[Any]) -> Any:
    return registry_of([*built_in().values(), *others])


def test_ours_are_what_rankers_read_before_they_said_so() -> None:
    known = {one.table for one in first_spec().features}
    assert content_spec({name: each for name, each in built_in().items() if name in known}) == first_spec()


def test_features_of_a_declaration_of_your_own_follow_ours_in_every_order() -> None:
    mood = declared(
        "mood", ITEM, Number("length"), Similarity("mood"), views=(TextView("mood", pl.col("text")),), turn=1
    )
    spec = content_spec(with_ours(mood))
    assert spec.similar("text") == ("raw", "mood")
    assert spec.similar("llm") == first_spec().similar("llm")
    assert spec.embedded == ("raw", "template", "mood", "facts", "hidden")
    assert [one.stem for one in spec.read_off] == ["mood_length"]


@pytest.mark.parametrize(
    ("reads", "family"), [(("items",), "text"), (("item_facts",), "llm"), (("between",), "llm")]
)
def test_what_is_computed_from_a_models_words_is_the_models(reads: tuple[str, ...], family: str) -> None:
    between = declared("between", ITEM, reads=("user_preferences",))
    made = declared("made", ITEM, Number("length"), reads=reads)
    (one,) = content_spec(with_ours(between, made)).read_off
    assert one.family == family


@pytest.mark.parametrize(
    ("entity", "feature", "said"),
    [
        (USER, Similarity("facts"), "similarity are read of item tables, not of user tables"),
        (ITEM, PairScore("length"), "pair_score are read of pair tables"),
        (GROUP, Number("length"), "number are read of item and user tables, not of group tables"),
        (ITEM, Number("lenght"), "column 'lenght' of mood, which has length"),
        (ITEM, Number("tone"), "mood.tone, which holds String; it takes a number"),
        (ITEM, OneHot("length", ("a",)), "mood.length, which holds Int32; it takes a choice"),
        (ITEM, Overlap("tone", "user_preferences.likes"), "it takes a list of words"),
        (ITEM, Overlap("offers", "items.attributes"), "write `table.column` of an enrichment"),
        (ITEM, Overlap("offers", "likes"), "write `table.column` of an enrichment"),
        (ITEM, Overlap("offers", "item_facts.tags"), "is of the same side"),
        (ITEM, Similarity("smell"), "view 'smell', which no enrichment of items makes"),
        (ITEM, TagAffinity("tags"), "tag_affinity"),
        (ITEM, Edges("likes"), "kind edges are not read by any ranker yet"),
        (PAIR, PairScore("tone"), "it takes a number"),
    ],
)
def test_a_feature_that_cannot_be_read_is_refused_with_the_way_out(
    entity: Entity, feature: Spec, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        with_ours(declared("mood", entity, feature))
    assert said in str(refused.value)


def test_two_enrichments_may_not_embed_under_one_name() -> None:
    more = declared("mood", ITEM, views=(TextView("facts", pl.col("text")),))
    with pytest.raises(ConfigError, match=r"view .facts. of items is there already"):
        with_ours(more)


def test_columns_of_your_own_tell_where_they_come_from() -> None:
    mood = declared("mood", ITEM, Number("length"), Overlap("offers", "user_preferences.likes"))
    columns = ["llm__mood_length_rank", "permuted2__mood_offers_overlap", "llm__mood_length_missing"]
    found = derives_from(RANKING_EXAMPLES, columns, with_ours(mood))
    assert [set(found[name]) for name in columns] == [
        {"mood.length"},
        {"mood.offers", "user_preferences.likes"},
        {"mood.length"},
    ]


@pytest.mark.parametrize(
    ("wrong", "hint"), [("fcats", "'facts'"), ("populr", "'popular'"), ("x", "there are")]
)
def test_a_source_of_candidates_that_is_none_is_refused(shop: Shop, wrong: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        shop.write(examples={"candidates": {"sources": ["popular", wrong]}})
    assert f"{wrong!r} is no source" in str(refused.value)
    assert hint in str(refused.value)
