"""The tables that models write, put together from the ledger: a row for everyone, its origin, and what was
rejected."""

from dataclasses import dataclass

import polars as pl

from nightshift.enrichments.answers import read_values
from nightshift.enrichments.fallbacks import FROM_A_MODEL, settle
from nightshift.enrichments.groups import membership
from nightshift.enrichments.item_facts.answered_tags import with_answered_tags
from nightshift.enrichments.item_tag_scores.calibration import load_centres
from nightshift.enrichments.item_tag_scores.prompt import centred
from nightshift.night.night import Night
from nightshift.storage.content_key import content_key
from nightshift.tables import (
    GROUP_FACTS,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEM_TAG_SCORES,
    REJECTS,
    USER_EMBEDDINGS,
    USER_PREFERENCES,
    Table,
)

EMBEDDED_CHARS = 1000
"""Longest text given to the encoder, in characters; MiniLM reads 256 word pieces."""


@dataclass(frozen=True)
class Written:
    """A table ready to publish, and the answers it could not use."""

    frame: pl.DataFrame
    rejects: pl.DataFrame

    @property
    def answered(self) -> int:
        """Rows a model answered for, accepted or not."""
        return self.frame.filter(pl.col("origin") == "llm").height + self.rejects.height


def scored_items(night: Night, requests: pl.DataFrame) -> pl.DataFrame:
    """`item_id, content_key, scores` of every item the model has read."""
    scored = night.ledgers.answers.lookup(requests["content_key"], ["content_key", "scores"])
    rows = requests.select("content_key", item_id="row_id")
    return rows.join(scored, on="content_key", how="inner", maintain_order="left")


def item_tag_scores(night: Night, requests: pl.DataFrame) -> Written:
    """Scores of every item the model has read; items it has not read keep last night's rows, or have none."""
    rows = scored_items(night, requests)
    frame = _provenance(night, "item_tag_scores", centred(rows, night.vocabulary, load_centres(night)))
    frame = frame.with_columns(origin=pl.lit("llm"))
    unread = requests.select(item_id="row_id").join(rows, on="item_id", how="anti")
    last = night.store.read_or_empty(ITEM_TAG_SCORES, night.store.before(ITEM_TAG_SCORES, night.as_of))
    carried = last.join(unread, on="item_id", how="semi").with_columns(origin=pl.lit("carried"))
    columns = list(ITEM_TAG_SCORES.columns)
    return Written(
        pl.concat([frame.select(columns), carried.select(columns)]).sort("item_id", "facet", "tag"),
        REJECTS.empty(),
    )


def shown_tags(night: Night, scores: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`item_id, tags` that user prompts show: the strongest scored ones or, where the model cannot score,
    those of `item_facts`."""
    if scores.is_empty():
        return facts.select("item_id", "tags").filter(pl.col("tags").list.len() > 0)
    return chosen_tags(scores, night.settings.facts.tags_per_facet)


def chosen_tags(scores: pl.DataFrame, per_facet: int) -> pl.DataFrame:
    """`item_id, tags`: the strongest tags of each facet, strongest facet first."""
    ranked = scores.sort(["item_id", "score", "tag"], descending=[False, True, False])
    best = (
        ranked.group_by("item_id", "facet", maintain_order=True).head(per_facet)
        if per_facet
        else ranked.clear()
    )
    return (
        best.sort(["item_id", "score", "tag"], descending=[False, True, False])
        .group_by("item_id", maintain_order=True)
        .agg(tags="tag")
    )


def group_facts(night: Night, groups: pl.DataFrame, requests: pl.DataFrame) -> Written:
    """A sentence for every group of items: written by the model, carried from the night before, or from
    the template."""
    values = read_values(night.prompts["group_facts"], requests, night.ledgers, night.identity)
    written = _provenance(night, "group_facts", values.frame.rename({"row_id": "group"}))
    titles = pl.col("titles").list.join("; ")
    template = _template_rows(groups.select("group", summary=pl.format("{}: {}.", "group", titles)))
    keep = ["group", "summary", "prompt_id", "model_id", "content_key", "origin"]
    last = night.store.read_or_empty(GROUP_FACTS, night.store.before(GROUP_FACTS, night.as_of))
    rows = settle(groups, written, last.select(keep), template.select(keep), "group")
    sized = rows.join(groups.select("group", "items"), on="group", maintain_order="left")
    return Written(sized.select(list(GROUP_FACTS.columns)).sort("group"), values.rejects)


def item_facts(
    night: Night,
    items: pl.DataFrame,
    requests: pl.DataFrame,
    scores: pl.DataFrame,
    groups: pl.DataFrame | None = None,
) -> Written:
    """A summary and tags for every item: written by the model, carried from the night before, of its
    group, or from the template.

    `groups` is tonight's `group_facts`. A group's sentence stands behind the item's title: two items of a
    group differ.
    """
    tags = items.select("item_id").join(
        chosen_tags(scores, night.settings.facts.tags_per_facet), on="item_id", how="left"
    )
    tags = tags.with_columns(pl.col("tags").fill_null(pl.lit([], dtype=pl.List(pl.String))))
    values = read_values(night.prompts["item_facts"], requests, night.ledgers, night.identity)
    written = _provenance(night, "item_facts", values.frame.rename({"row_id": "item_id"}))
    template = _template_rows(items.select("item_id", summary=_plain_text()))
    keep = ["item_id", "summary", "prompt_id", "model_id", "content_key", "origin"]
    last = night.store.read_or_empty(ITEM_FACTS, night.store.before(ITEM_FACTS, night.as_of))
    group = _of_their_groups(night, items, GROUP_FACTS.empty() if groups is None else groups)
    rows = settle(items, written, last.select(keep), template.select(keep), "item_id", group.select(keep))
    tagged = with_answered_tags(rows.join(tags, on="item_id", maintain_order="left"), written, last)
    return Written(tagged.select(list(ITEM_FACTS.columns)), values.rejects)


def _of_their_groups(night: Night, items: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """`<title>. <sentence of its group>` for the items of groups that a model wrote about."""
    said = groups.filter(pl.col("origin").is_in(FROM_A_MODEL))
    rows = (
        membership(items, night.settings.facts)
        .join(said, on="group")
        .join(items.select("item_id", "title"), on="item_id")
    )
    return rows.with_columns(summary=pl.format("{}. {}", "title", "summary"))


def user_preferences(night: Night, users: pl.DataFrame, requests: pl.DataFrame) -> Written:
    """Likes, dislikes and a summary for every user with a history."""
    values = read_values(night.prompts["user_preferences"], requests, night.ledgers, night.identity)
    written = _provenance(night, "user_preferences", values.frame.rename({"row_id": "user_id"}))
    template = _template_rows(
        users.select("user_id", likes="like_tags", dislikes="dislike_tags", summary=_plain_history())
    )
    keep = ["user_id", "likes", "dislikes", "summary", "prompt_id", "model_id", "content_key", "origin"]
    last = night.store.read_or_empty(USER_PREFERENCES, night.store.before(USER_PREFERENCES, night.as_of))
    rows = settle(users, written, last.select(keep), template.select(keep), "user_id")
    history = users.select("user_id", "history_length", "last_event_at")
    return Written(
        rows.join(history, on="user_id", maintain_order="left").select(list(USER_PREFERENCES.columns)),
        values.rejects,
    )


def _provenance(night: Night, table: str, values: pl.DataFrame) -> pl.DataFrame:
    return values.with_columns(
        prompt_id=pl.lit(night.prompts[table].prompt_id), model_id=pl.lit(night.identity.model_id)
    )


def _template_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        origin=pl.lit("template"),
        prompt_id=pl.lit("template"),
        model_id=pl.lit("template"),
        content_key=pl.lit(None, dtype=pl.String),
    )


def _plain_text() -> pl.Expr:
    about = pl.col("attributes").list.join(", ").fill_null("")
    return (
        pl.when(about == "").then(pl.format("{}.", "title")).otherwise(pl.format("{}. {}.", "title", about))
    )


def _plain_history() -> pl.Expr:
    liked, disliked = (
        pl.col("liked").list.head(2).list.join("; "),
        pl.col("disliked").list.head(2).list.join("; "),
    )
    return pl.format(
        "Liked: {}. Disliked: {}.",
        pl.when(liked == "").then(pl.lit("nothing yet")).otherwise(liked),
        disliked,
    )


def vector_key(encoder_id: str, text: str) -> str:
    """Content key of a vector: the text and what encodes it."""
    return content_key("vector", encoder_id, text)


def _texts(night: Night, frame: pl.DataFrame, key: str, view: str, text: pl.Expr) -> pl.DataFrame:
    rows = frame.select(pl.col(key), view=pl.lit(view), text=text.str.slice(0, EMBEDDED_CHARS))
    keys = [vector_key(night.encoder_id, text) for text in rows["text"]]
    return rows.with_columns(pl.Series("content_key", keys, dtype=pl.String))


def item_texts(night: Night, items: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """`item_id, view, text, content_key`: source text of every item, facts where a model wrote them, and
    what the template says.

    Where the sources have no text beside title and attributes, the template says what the source says and
    is no view of its own.
    """
    about = pl.concat_str(_plain_text(), pl.col("text").fill_null(""), separator=" ").str.strip_chars()
    written = facts.filter(pl.col("origin") != "template")
    said = pl.format("{} {}", "summary", pl.col("tags").list.join(", "))
    views = [_texts(night, items, "item_id", "raw", about), _texts(night, written, "item_id", "facts", said)]
    template = _texts(night, items, "item_id", "template", _plain_text())
    return pl.concat([*views, *([] if template["text"].equals(views[0]["text"]) else [template])])


def user_texts(night: Night, preferences: pl.DataFrame) -> pl.DataFrame:
    """`user_id, view, text, content_key`: what a model wrote about users."""
    written = preferences.filter(pl.col("origin") != "template")
    return _texts(night, written, "user_id", "facts", pl.col("summary"))


def embeddings(night: Night, texts: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Encoder vectors of the texts, from the ledger."""
    vectors = night.ledgers.vectors.lookup(texts["content_key"], ["content_key", "encoder_id", "vector"])
    return texts.join(vectors, on="content_key", how="inner", maintain_order="left").select(
        list(table.columns)
    )


def item_embeddings(night: Night, texts: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """All views of every item: `raw` and `facts` by the encoder, `hidden` by the language model while it
    chose tags.

    Rows carried from another model or prompt have no `hidden`: states of two models are never mixed.
    """
    owners = (
        scores.filter(pl.col("content_key").is_not_null())
        .select("item_id", "content_key")
        .unique("item_id", maintain_order=True)
    )
    hidden = night.ledgers.vectors.lookup(
        owners["content_key"], ["content_key", "encoder_id", "view", "vector"]
    )
    ours = night.prompts["item_tag_scores"].hidden_id(night.identity.model_id)
    states = owners.join(hidden.filter(pl.col("encoder_id") == ours), on="content_key", maintain_order="left")
    frames = [embeddings(night, texts, ITEM_EMBEDDINGS), states.select(list(ITEM_EMBEDDINGS.columns))]
    return pl.concat(frames).sort("item_id", "view")


def user_embeddings(night: Night, texts: pl.DataFrame) -> pl.DataFrame:
    """The `facts` view of every user a model wrote about."""
    return embeddings(night, texts, USER_EMBEDDINGS).sort("user_id", "view")
