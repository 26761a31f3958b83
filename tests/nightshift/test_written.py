"""A night from requests to tables, with the echo model and the hashing encoder."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from nightshift.enrichments import views
from nightshift.enrichments.base import midnight
from nightshift.enrichments.engine import Assembled, assembled
from nightshift.enrichments.entities import ITEM, USER
from nightshift.enrichments.item_tag_scores.enrichment import chosen_tags
from nightshift.night.checks import one_row_each, vectors_are_sound
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import BudgetSettings, Spent, plan_table
from nightshift.tables import (
    GROUP_FACTS,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    ITEMS,
    USER_EMBEDDINGS,
    USER_PREFERENCES,
)
from pipelines.answer_prompts import answer_prompts
from pipelines.embed_texts import embed_texts

FIRST, SECOND = date(2024, 1, 2), date(2024, 1, 3)
SOURCES = {
    "items": {"path": "i.csv", "item_id": "item_id"},
    "interactions": {"path": "e.csv", "user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"},
}
ITEM_ROWS = [
    ("1", "A dark war", "Soldiers wait.", ["War"]),
    ("2", "A funny school", None, ["Comedy"]),
    ("3", "{}", None, None),
]
EVENT_ROWS = [("u", "1", 1, 1.0), ("u", "2", 2, 0.0), ("u", "3", 3, 1.0), ("new", "1", 40, 1.0)]


def night(home: Path, as_of: date = FIRST, run_id: str = "r", **blocks: Any) -> Night:
    raw = {
        "sources": SOURCES,
        "nights": {"first": FIRST},
        "encoder": {"backend": "hashing"},
        "home": home,
        "beam": {"batch_rows": 2},
    }
    return Night(
        Settings.model_validate(raw | {"llm": {"backend": "echo", "reply": "A story of {first}"}} | blocks),
        as_of,
        run_id,
    )


def items() -> pl.DataFrame:
    rows = [(*row, None) for row in ITEM_ROWS]
    return pl.DataFrame(rows, schema=ITEMS.schema, orient="row")


def events(as_of: date = FIRST) -> pl.DataFrame:
    """The user, the item, how many days before the night, and whether it was liked."""
    rows = [
        (user, item, midnight(as_of) - timedelta(days=days), label) for user, item, days, label in EVENT_ROWS
    ]
    schema = {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "label": pl.Float32,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def ask(tonight: Night, table: str, requests: pl.DataFrame, budget: BudgetSettings | None = None) -> None:
    plan = plan_table(
        tonight.prompts[table],
        requests,
        tonight.ledgers,
        budget or BudgetSettings(),
        Spent(),
        lambda texts: [1] * len(texts),
    )
    answer_prompts(tonight.settings, table, tonight.as_of, tonight.run_id, plan.pending)


def made(tonight: Night, table: str, catalogue: pl.DataFrame, **tables: pl.DataFrame) -> Assembled:
    return assembled(tonight.given(catalogue, events(), **tables).step(table))


def scored(tonight: Night, catalogue: pl.DataFrame, budget: BudgetSettings | None = None) -> pl.DataFrame:
    step = tonight.given(catalogue, events()).step("item_tag_scores")
    ask(tonight, "item_tag_scores", step.requests, budget)
    return ITEM_TAG_SCORES.conform(assembled(step).frame)


def facts(tonight: Night, catalogue: pl.DataFrame, budget: BudgetSettings | None = None) -> Assembled:
    ask(tonight, "item_facts", tonight.given(catalogue, events()).step("item_facts").requests, budget)
    tables = {"item_tag_scores": scored(tonight, catalogue), "group_facts": GROUP_FACTS.empty()}
    return made(tonight, "item_facts", catalogue, **tables)


def preferences(tonight: Night) -> Assembled:
    step = tonight.given(items(), events(), item_tag_scores=scored(tonight, items())).step("user_preferences")
    ask(tonight, "user_preferences", step.requests)
    return assembled(step)


def origins(frame: pl.DataFrame, key: str = "item_id") -> dict[str, str]:
    return dict(frame.select(key, "origin").iter_rows())


NOTHING = BudgetSettings(tokens=0)
THREE_WARS = pl.DataFrame(
    [(n, f"War {n}", None, ["War", "Drama"], None) for n in "789"], schema=ITEMS.schema, orient="row"
)


def grouped(tonight: Night, catalogue: pl.DataFrame, budget: BudgetSettings | None = None) -> pl.DataFrame:
    step = tonight.given(catalogue, events()).step("group_facts")
    ask(tonight, "group_facts", step.requests, budget)
    return GROUP_FACTS.conform(assembled(step).frame)


def test_every_group_gets_a_sentence_and_unread_items_carry_it_behind_their_title(tmp_path: Path) -> None:
    tonight = night(tmp_path, facts={"min_group_items": 3})
    catalogue = pl.concat([items(), THREE_WARS])
    groups = grouped(tonight, catalogue)
    assert groups.select("group", "items", "summary", "origin").rows() == [
        ("Drama", 3, "A story of Drama", "llm"),
        ("War", 1, "A story of War", "llm"),
    ]
    tables = {"item_tag_scores": ITEM_TAG_SCORES.empty(), "group_facts": groups}
    frame = ITEM_FACTS.conform(made(tonight, "item_facts", catalogue, **tables).frame)
    assert origins(frame) == {
        "1": "group",
        "2": "template",
        "3": "template",
        "7": "group",
        "8": "group",
        "9": "group",
    }
    row = frame.row(0, named=True)
    assert row["summary"] == "A dark war. A story of War"
    assert (row["prompt_id"], row["content_key"]) == (
        tonight.prompts["group_facts"].prompt_id,
        groups["content_key"][1],
    )


def test_a_group_that_no_model_wrote_about_leaves_its_items_to_the_template(tmp_path: Path) -> None:
    tonight = night(tmp_path, facts={"min_group_items": 3})
    groups = grouped(tonight, THREE_WARS, NOTHING)
    assert set(groups["origin"]) == {"template"}
    assert groups["summary"].to_list() == ["Drama: War 7; War 8; War 9."]
    tables = {"item_tag_scores": ITEM_TAG_SCORES.empty(), "group_facts": groups}
    frame = made(tonight, "item_facts", THREE_WARS, **tables).frame
    assert set(frame["origin"]) == {"template"}


def test_a_groups_sentence_of_last_night_still_stands_in(tmp_path: Path) -> None:
    blocks = {"facts": {"min_group_items": 3}}
    first = night(tmp_path, **blocks)
    first.store.publish(GROUP_FACTS, FIRST, grouped(first, THREE_WARS))
    renamed = THREE_WARS.with_columns(title=pl.lit("Other ") + pl.col("title"))
    groups = grouped(night(tmp_path, SECOND, **blocks), renamed, NOTHING)
    assert groups.select("origin", "summary").rows() == [("carried", "A story of Drama")]
    tables = {"item_tag_scores": ITEM_TAG_SCORES.empty(), "group_facts": groups}
    frame = made(night(tmp_path, SECOND, **blocks), "item_facts", renamed, **tables).frame
    assert set(frame["origin"]) == {"group"}


def test_every_item_gets_a_summary_its_tags_and_where_they_came_from(tmp_path: Path) -> None:
    told = facts(night(tmp_path), items())
    frame = ITEM_FACTS.conform(told.frame)
    assert one_row_each(frame, items(), "item_id").passed
    assert origins(frame) == dict.fromkeys("123", "llm")
    assert frame["summary"][0] == "A story of A dark war"
    assert frame["tags"].list.len().to_list() == [4, 4, 4], "one tag a facet"
    assert {"dark", "war"} <= set(frame["tags"][0])
    assert told.rejects.is_empty()


def test_without_a_model_every_item_has_a_template_and_no_key(tmp_path: Path) -> None:
    frame = ITEM_FACTS.conform(facts(night(tmp_path), items(), NOTHING).frame)
    assert origins(frame) == dict.fromkeys("123", "template")
    assert frame["summary"].to_list() == ["A dark war. War.", "A funny school. Comedy.", "{}."]
    assert frame["content_key"].null_count() == 3


def test_what_the_budget_did_not_afford_keeps_last_nights_words_and_says_so(tmp_path: Path) -> None:
    first = night(tmp_path)
    first.store.publish(ITEM_FACTS, FIRST, facts(first, items()).frame)
    changed = items().with_columns(
        title=pl.when(pl.col("item_id") == "1").then(pl.lit("New title")).otherwise("title")
    )
    new = changed.tail(1).with_columns(item_id=pl.lit("4"), title=pl.lit("Newcomer"))
    frame = facts(night(tmp_path, SECOND), pl.concat([changed, new]), NOTHING).frame
    assert origins(frame) == {"1": "carried", "2": "llm", "3": "llm", "4": "template"}
    assert frame["summary"][0] == "A story of A dark war"
    assert (
        frame["content_key"][0]
        == first.given(items(), events())
        .step("item_facts")
        .requests.filter(pl.col("row_id") == "1")["content_key"][0]
    )


def test_a_rejected_summary_is_a_row_of_the_rejects_and_a_template_in_the_table(tmp_path: Path) -> None:
    told = facts(night(tmp_path, llm={"backend": "echo", "reply": "I'm sorry"}), items())
    assert set(origins(told.frame).values()) == {"template"}
    assert sorted(told.rejects["key"]) == ["1", "2", "3"]
    assert set(told.rejects["reason"]) == {"refusal"}


def test_scores_are_there_for_what_was_read_and_carried_for_what_was_not(tmp_path: Path) -> None:
    first = night(tmp_path)
    scores = scored(first, items())
    tags = len(first.prompts["item_tag_scores"].questions[0].choices)
    assert scores.filter(pl.col("facet") == "mood").height == 3 * tags
    first.store.publish(ITEM_TAG_SCORES, FIRST, scores)
    changed = items().with_columns(
        title=pl.when(pl.col("item_id") == "1").then(pl.lit("New title")).otherwise("title")
    )
    later = scored(night(tmp_path, SECOND), changed, NOTHING)
    assert origins(later.unique("item_id")) == {"1": "carried", "2": "llm", "3": "llm"}
    assert (
        later.filter(pl.col("item_id") == "1")
        .drop("origin")
        .equals(scores.filter(pl.col("item_id") == "1").drop("origin"))
    )


def test_chosen_tags_are_the_strongest_of_each_facet_strongest_facet_first() -> None:
    rows = [
        ("1", "mood", "dark", 0.1),
        ("1", "mood", "sad", 0.5),
        ("1", "theme", "war", 0.9),
        ("1", "theme", "love", 0.8),
        ("2", "mood", "sad", -1.0),
    ]
    scores = pl.DataFrame(rows, schema=["item_id", "facet", "tag", "score"], orient="row")
    assert chosen_tags(scores, 1).rows() == [("1", ["war", "sad"]), ("2", ["sad"])]
    assert chosen_tags(scores, 2).rows() == [("1", ["war", "love", "sad", "dark"]), ("2", ["sad"])]
    assert chosen_tags(scores, 0).is_empty()
    assert chosen_tags(scores.reverse(), 2).equals(chosen_tags(scores, 2))


def test_users_with_enough_history_are_read_and_the_others_get_a_template(tmp_path: Path) -> None:
    tonight = night(tmp_path, llm={"backend": "echo", "reply": "dark ones; avoids funny ones"})
    frame = USER_PREFERENCES.conform(preferences(tonight).frame)
    assert origins(frame, "user_id") == {"new": "template", "u": "llm"}
    (user,) = frame.filter(pl.col("user_id") == "u").rows(named=True)
    assert (user["likes"], user["dislikes"], user["history_length"]) == (["dark"], ["funny"], 3)
    assert user["last_event_at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert frame.filter(pl.col("user_id") == "new")["summary"].item().startswith("Liked: A dark war")


def test_the_busiest_rows_of_the_last_thirty_days_come_first(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    more = pl.concat(
        [
            events(),
            *[events().filter(pl.col("item_id") == "2")] * 2,
            *[events().filter(pl.col("user_id") == "new")] * 9,
        ]
    )
    requests = tonight.given(items(), more).step("item_facts").requests
    assert requests["row_id"].to_list() == ["2", "3", "1"], "events of 40 days ago count nothing but warmth"


def texts_of(tonight: Night, catalogue: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    return views.item_texts(tonight.encoder_id, catalogue, [(tonight.registry["item_facts"], told)], ITEM)


def embedded(
    tonight: Night, told: pl.DataFrame, scores: pl.DataFrame, catalogue: pl.DataFrame
) -> pl.DataFrame:
    texts = texts_of(tonight, catalogue, told)
    embed_texts(tonight.settings, tonight.run_id, texts)
    written = [(tonight.context("item_tag_scores"), scores), (tonight.context("item_facts"), told)]
    return ITEM_EMBEDDINGS.conform(views.embeddings(written, texts, ITEM_EMBEDDINGS, tonight.ledgers))


def test_every_item_has_a_raw_vector_and_written_ones_a_facts_and_a_hidden_one(tmp_path: Path) -> None:
    tonight = night(tmp_path)
    told, scores = facts(tonight, items()).frame, scored(tonight, items())
    told = told.with_columns(
        origin=pl.when(pl.col("item_id") == "3").then(pl.lit("template")).otherwise("origin")
    )
    frame = embedded(tonight, told, scores, items())
    assert vectors_are_sound(frame).passed
    views = frame.group_by("view", maintain_order=True).agg(pl.col("item_id").sort())
    everyone = ["1", "2", "3"]
    assert dict(views.iter_rows()) == {
        "facts": ["1", "2"],
        "hidden": everyone,
        "raw": everyone,
        "template": everyone,
    }


def test_a_template_that_says_what_the_source_says_is_no_view_of_its_own(tmp_path: Path) -> None:
    untold = items().with_columns(text=pl.lit(None, pl.String))
    assert set(texts_of(night(tmp_path), untold, ITEM_FACTS.empty())["view"]) == {"raw"}
    told = texts_of(night(tmp_path), items(), ITEM_FACTS.empty())
    texts = dict(told.filter(pl.col("item_id") == "1").select("view", "text").iter_rows())
    assert set(texts) == {"raw", "template"}
    assert texts["raw"].startswith(texts["template"])


def test_states_of_two_models_are_never_mixed_in_one_view(tmp_path: Path) -> None:
    first = night(tmp_path)
    first.store.publish(ITEM_TAG_SCORES, FIRST, scored(first, items()))
    fewer = first.vocabulary.model_copy(update={"facets": first.vocabulary.facets[:2]})
    (tmp_path / "fewer.yaml").write_text(yaml.safe_dump(fewer.model_dump(mode="json")))
    changed = night(tmp_path, SECOND, root=tmp_path, tags={"vocabulary": "fewer.yaml"})
    scores = scored(changed, items(), BudgetSettings(tokens=1))  # one token a prompt: one item is read anew
    assert sorted(origins(scores.unique("item_id")).values()) == ["carried", "carried", "llm"]
    frame = embedded(changed, ITEM_FACTS.empty(), scores, items())
    assert frame.filter(pl.col("view") == "hidden").height == 1
    assert vectors_are_sound(frame).passed


def test_users_a_model_wrote_about_have_a_vector(tmp_path: Path) -> None:
    tonight = night(tmp_path, llm={"backend": "echo", "reply": "dark ones; avoids funny ones"})
    told, each = preferences(tonight).frame, tonight.registry["user_preferences"]
    texts = views.user_texts(tonight.encoder_id, [(each, told)], USER)
    embed_texts(tonight.settings, "r", texts)
    context = tonight.context("user_preferences")
    frame = views.embeddings([(context, told)], texts, USER_EMBEDDINGS, tonight.ledgers)
    assert frame.select("user_id", "view", "encoder_id").rows() == [("u", "facts", tonight.encoder_id)]


def test_a_vector_key_changes_with_the_text_and_the_encoder(tmp_path: Path) -> None:
    keys = {views.vector_key(encoder, text) for encoder in ("a", "ab") for text in ("b", "")}
    assert len(keys) == 4
    long = items().with_columns(text=pl.lit("x" * 5000))
    assert (
        texts_of(night(tmp_path), long, ITEM_FACTS.empty())["text"].str.len_chars().max()
        == views.EMBEDDED_CHARS
    )


@pytest.mark.parametrize("table", ["facts", "preferences"])
def test_a_rerun_writes_the_same_rows_without_a_call(tmp_path: Path, table: str) -> None:
    def frame(run: str) -> pl.DataFrame:
        tonight = night(tmp_path, run_id=run)
        return (facts(tonight, items()) if table == "facts" else preferences(tonight)).frame

    first = frame("one")
    parts = night(tmp_path).ledgers.answers.parts()
    assert frame("two").equals(first)
    assert night(tmp_path).ledgers.answers.parts() == parts
