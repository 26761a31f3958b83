"""Prompt `item_tag_scores`: how likely the model finds each tag of the closed vocabulary, and its state
while choosing.

Nothing is written and nothing needs parsing: after each item one question a facet is weighed. For small
models these likelihoods carry more than their prose, and the state at the point of choosing (`hidden`)
carries a little more still.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel

from nightshift.enrichments.item_tag_scores.settings import TagSettings
from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Decoding, FinishReason, Question
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row
from nightshift.prompts.vocabulary import Example, Vocabulary

VERSION = 1


class NoValue(BaseModel, extra="forbid", frozen=True):
    """Scores are numbers; there is no text to read."""


def item_tag_scores(settings: TagSettings, vocabulary: Vocabulary) -> Prompt[NoValue]:
    """The prompt with its settings applied."""
    return Prompt(
        name="item_tag_scores",
        version=VERSION,
        row_key="item_id",
        fields=ITEM_FIELDS,
        instructions="".join(_worked(vocabulary, example) for example in vocabulary.examples),
        build=lambda row: item_row(vocabulary.noun, row, settings.max_input_chars),
        parse=_parse,
        schema=NoValue,
        decoding=Decoding(max_new_tokens=1),
        questions=questions(vocabulary),
    )


def questions(vocabulary: Vocabulary) -> tuple[Question, ...]:
    """One question a facet; its choices are the facet's tags, each after a space."""
    return tuple(
        Question(f.name, f"\n{f.label}:", tuple(f" {tag}" for tag in f.tags)) for f in vocabulary.facets
    )


def _worked(vocabulary: Vocabulary, example: Example) -> str:
    item = item_lines(vocabulary.noun, example.title, example.attributes, example.text, 400)
    return (
        item + "".join(f"\n{facet.label}: {example.tags[facet.name]}" for facet in vocabulary.facets) + "\n\n"
    )


def _parse(answer: str, finish: FinishReason) -> NoValue:
    raise RejectedAnswer("schema", f"item_tag_scores is scored, not answered; got {answer[:40]!r} ({finish})")


def within_facets(rows: pl.DataFrame, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """(items, tags) log P(tag | facet), tags in vocabulary order: `rows.scores` normalised over each
    facet's closed list."""
    raw = np.array(rows["scores"].to_list(), dtype=np.float64)  # (items, tags) log P(tag | prompt, stem)
    raw = raw.reshape(rows.height, sum(len(f.tags) for f in vocabulary.facets))
    ends = np.cumsum([len(facet.tags) for facet in vocabulary.facets])[:-1]
    parts = np.split(raw, ends, axis=1)
    return np.concatenate([part - np.logaddexp.reduce(part, axis=1, keepdims=True) for part in parts], axis=1)


def fit_centres(rows: pl.DataFrame, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """(tags,) mean of `within_facets` over the items: the model's taste for each word."""
    scores = within_facets(rows, vocabulary)
    return scores.mean(axis=0) if len(scores) else np.zeros(scores.shape[1])


def centred(
    rows: pl.DataFrame, vocabulary: Vocabulary, centres: NDArray[np.float64] | None = None
) -> pl.DataFrame:
    """Tag scores of every item, long: `item_id, tag, facet, score` and what else `rows` carries beside
    `scores`.

    `centres` (tags,) are subtracted, which removes the model's taste for a word; by default they are
    fitted on these rows.
    """
    scores = within_facets(rows, vocabulary) - (fit_centres(rows, vocabulary) if centres is None else centres)
    names = [(facet.name, tag) for facet in vocabulary.facets for tag in facet.tags]
    return pl.concat(
        _one_tag(rows, tag, facet, scores[:, column]) for column, (facet, tag) in enumerate(names)
    )


def _one_tag(rows: pl.DataFrame, tag: str, facet: str, scores: NDArray[np.float64]) -> pl.DataFrame:
    return rows.drop("scores").with_columns(
        pl.lit(tag).alias("tag"), pl.lit(facet).alias("facet"), pl.Series("score", scores, dtype=pl.Float32)
    )
