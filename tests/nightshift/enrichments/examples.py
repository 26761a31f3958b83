"""A small enrichment of each kind."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel

from nightshift.enrichments.base import (
    Asked,
    Computed,
    Context,
    Enrichment,
    Fallback,
    Fitted,
    Plain,
    Recorded,
    RecordedSettings,
)
from nightshift.enrichments.entities import EVENT, ITEM, PAIR, Entity
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import one_line
from nightshift.prompts.parsing import accept
from nightshift.prompts.vocabulary import Vocabulary
from nightshift.tables import Column


def _lengths(context: Context[Plain]) -> pl.DataFrame:
    items = context.read("items")
    return items.select("item_id", length=pl.col("title").str.len_chars().cast(pl.Int32))


LENGTH = Enrichment(
    name="title_length",
    about="How long each title is.",
    entity=ITEM,
    columns={"length": Column(pl.Int32, "characters of the title")},
    maker=Computed(_lengths),
)


def _means(context: Context[Plain], events: pl.DataFrame) -> Mapping[str, Any]:
    """Mean label of each attribute."""
    items = context.read("items").select("item_id", "attributes")
    rows = events.join(items, on="item_id").explode("attributes").drop_nulls("attributes")
    means = rows.group_by("attributes").agg(pl.col("label").cast(pl.Float64).mean()).sort("attributes")
    return {"attributes": np.array(means["attributes"].to_list(), "U"), "means": means["label"].to_numpy()}


def _attribute_means(context: Context[Plain], arrays: Mapping[str, Any]) -> pl.DataFrame:
    known = pl.DataFrame({"attributes": arrays["attributes"].astype(str).tolist(), "mean": arrays["means"]})
    rows = context.read("items").select("item_id", "attributes").explode("attributes")
    found = rows.join(known, on="attributes", how="left", maintain_order="left")
    return found.group_by("item_id", maintain_order=True).agg(mean=pl.col("mean").mean().cast(pl.Float32))


LIKED = Enrichment(
    name="attribute_means",
    about="How well the attributes of each item are liked.",
    entity=ITEM,
    columns={"mean": Column(pl.Float32, "mean label of its attributes' events", required=False)},
    maker=Fitted(_means, _attribute_means, every_days=7),
)


class Line(BaseModel, extra="forbid", frozen=True):
    """One line."""

    caption: str


def _shown(value: Any) -> str:
    """One masked line."""
    return "; ".join(one_line(one, 100) for one in ([value] if isinstance(value, str) else value or ()))


def _line(answer: str, finish: FinishReason) -> Line:
    return Line(caption=accept(answer, finish))


def prompt(name: str, *fields: str) -> Prompt[Line]:
    """A prompt that shows the fields and takes whatever is said."""
    return Prompt(
        name=name,
        version=1,
        row_key="row_id",
        fields=fields,
        instructions="Say something.\n",
        build=lambda row: "\n".join(f"{field}: {_shown(row[field])}" for field in fields),
        parse=_line,
        schema=Line,
        decoding=Decoding(max_new_tokens=64),
    )


def _captions(settings: RecordedSettings, vocabulary: Vocabulary) -> Prompt[Line]:
    return prompt("captions", "title")


def _same_title(context: Context[Any], rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("item_id", caption="title")


CAPTIONS = Enrichment(
    name="captions",
    about="What another model said of each picture.",
    entity=ITEM,
    columns={"caption": Column(pl.String, "one line")},
    maker=Recorded(_captions),
    settings=RecordedSettings,
    fallback=Fallback(template=_same_title),
)


def asked(name: str, entity: Entity, *fields: str) -> Enrichment[Plain]:
    """A line about each row of an entity."""
    return Enrichment(
        name=name,
        about=f"A line about every {entity.every}.",
        entity=entity,
        columns={"caption": Column(pl.String, "one line")},
        maker=Asked(lambda settings, vocabulary: prompt(name, *fields)),
    )


PAIRED = asked("pair_lines", PAIR, "title", "liked")
EVENTS = asked("event_lines", EVENT, "title", "kind")
