"""Texts that the encoder embeds, and the vectors of a night: of the sources, and of every enrichment that
has a view."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from nightshift.enrichments.base import Context, Enrichment, StateView, TextView
from nightshift.enrichments.entities import Entity
from nightshift.storage.content_key import content_key
from nightshift.storage.ledger import Ledgers
from nightshift.tables import Table

EMBEDDED_CHARS = 1000
"""Longest text given to the encoder, in characters; MiniLM reads 256 word pieces."""


def plain_text() -> pl.Expr:
    """What a template says of an item: `<title>. <attributes>.`"""
    about = pl.col("attributes").list.join(", ").fill_null("")
    return (
        pl.when(about == "").then(pl.format("{}.", "title")).otherwise(pl.format("{}. {}.", "title", about))
    )


def vector_key(encoder_id: str, text: str) -> str:
    """Content key of a vector: the text and what encodes it."""
    return content_key("vector", encoder_id, text)


def texts_of(encoder_id: str, frame: pl.DataFrame, key: str, view: str, text: pl.Expr) -> pl.DataFrame:
    """`<key>, view, text, content_key` of one view."""
    rows = frame.select(pl.col(key), view=pl.lit(view), text=text.str.slice(0, EMBEDDED_CHARS))
    keys = [vector_key(encoder_id, text) for text in rows["text"]]
    return rows.with_columns(pl.Series("content_key", keys, dtype=pl.String))


def seen(entity: Entity, registry: Mapping[str, Enrichment[Any]]) -> list[Enrichment[Any]]:
    """Enrichments of an entity whose rows are embedded, or have a state that is kept."""
    return [
        each
        for each in registry.values()
        if each.entity is entity and any(isinstance(view, TextView | StateView) for view in each.views)
    ]


def written_texts(
    encoder_id: str, entity: Entity, written: Sequence[tuple[Enrichment[Any], pl.DataFrame]]
) -> list[pl.DataFrame]:
    """Texts of every text view: of rows that a model wrote, or their group's; a template is nobody's word."""
    (key,) = entity.key_columns
    return [
        texts_of(encoder_id, frame.filter(pl.col("origin") != "template"), key, view.name, view.text)
        for each, frame in written
        for view in each.views
        if isinstance(view, TextView)
    ]


def item_texts(
    encoder_id: str,
    items: pl.DataFrame,
    written: Sequence[tuple[Enrichment[Any], pl.DataFrame]],
    entity: Entity,
) -> pl.DataFrame:
    """`item_id, view, text, content_key`: source text of every item, what models wrote, and what the
    template says.

    Where the sources have no text beside title and attributes, the template says what the source says and
    is no view of its own.
    """
    about = pl.concat_str(plain_text(), pl.col("text").fill_null(""), separator=" ").str.strip_chars()
    raw = texts_of(encoder_id, items, "item_id", "raw", about)
    template = texts_of(encoder_id, items, "item_id", "template", plain_text())
    same = template["text"].equals(raw["text"])
    return pl.concat([raw, *written_texts(encoder_id, entity, written), *([] if same else [template])])


def user_texts(
    encoder_id: str, written: Sequence[tuple[Enrichment[Any], pl.DataFrame]], entity: Entity
) -> pl.DataFrame:
    """`user_id, view, text, content_key`: what models wrote about users."""
    found = written_texts(encoder_id, entity, written)
    schema = {"user_id": pl.String, "view": pl.String, "text": pl.String, "content_key": pl.String}
    return pl.concat(found) if found else pl.DataFrame(schema=schema)


def vectors_of_texts(ledgers: Ledgers, texts: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Encoder vectors of the texts, from the ledger."""
    vectors = ledgers.vectors.lookup(texts["content_key"], ["content_key", "encoder_id", "vector"])
    found = texts.join(vectors, on="content_key", how="inner", maintain_order="left")
    return found.select(list(table.columns))


def states(context: Context[Any], frame: pl.DataFrame, view: StateView, table: Table) -> pl.DataFrame:
    """The model's own states of the rows of a scored table.

    Rows carried from another model or prompt have none: states of two models are never mixed.
    """
    (key,) = context.each.entity.key_columns
    answered = frame.filter(pl.col("content_key").is_not_null())
    owners = answered.select(key, "content_key").unique(key, maintain_order=True)
    kept = context.shared.ledgers.vectors.lookup(
        owners["content_key"], ["content_key", "encoder_id", "view", "vector"]
    )
    ours = context.prompt.hidden_id(context.shared.identity.model_id)
    mine = kept.filter(pl.col("encoder_id") == ours).with_columns(view=pl.lit(view.name))
    return owners.join(mine, on="content_key", maintain_order="left").select(list(table.columns))


def embeddings(
    contexts: Sequence[tuple[Context[Any], pl.DataFrame]], texts: pl.DataFrame, table: Table, ledgers: Ledgers
) -> pl.DataFrame:
    """All views of every row: texts by the encoder, states by the language model while it chose."""
    own = [
        states(context, frame, view, table)
        for context, frame in contexts
        for view in context.each.views
        if isinstance(view, StateView)
    ]
    return pl.concat([vectors_of_texts(ledgers, texts, table), *own]).sort(table.key)
