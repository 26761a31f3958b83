"""Prompt `item_facts`: one sentence about an item, by few-shot completion.

The form follows what was measured to work best with a 135M model: plain completion after worked examples,
greedy, repetition penalty 1.15, stop at the newline. Asked for a line of tags as well, the same model
invents words outside the vocabulary for two items in three; the tags of `item_facts` are therefore chosen
(`item_tag_scores`), not written. Larger models that follow instructions are better asked in the JSON form
(`nightshift.enrichments.item_facts.json_prompt`).
"""

from collections.abc import Callable, Collection
from typing import Any, Literal

from pydantic import BaseModel, Field

from nightshift.enrichments.item_facts.json_prompt import facts_json
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row
from nightshift.prompts.parsing import accept, sentence
from nightshift.prompts.reask import before_the_label
from nightshift.prompts.vocabulary import Vocabulary

VERSION = 1
LABEL = "Summary:"


class FactsSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How item facts are written."""

    form: Literal["line", "json"] = "line"
    """`line`: worked examples and one line to complete, for small models; tags come from the scores.
    `json`: instructions and one object with a sentence and a tag a facet, for models that follow
    instructions; tags come from the answer, which needs no scores. Another form is another prompt: every
    item is asked again."""
    tags_per_facet: int = Field(1, ge=0)
    """Tags taken from each facet of the vocabulary, the strongest first, where tags come from scores. Asks
    nothing again."""
    max_summary_words: int = Field(40, ge=5)
    """Longest summary accepted, in words. Not part of the prompt: changing it re-reads stored answers for
    free."""
    max_summary_chars: int = Field(200, ge=40)
    """Longest summary of the form `json`, in characters: part of its schema, and of its token limit. Not
    read by `line`."""
    max_input_chars: int = Field(400, ge=40)
    """Longest title or description given to the model, in characters. Part of the prompt: changing it asks
    longer items again."""
    max_new_tokens: int = Field(48, ge=16)
    """Longest answer of the form `line` in tokens. Part of the content key: changing it asks every item
    again."""
    repetition_penalty: float = Field(1.15, ge=1.0)
    """Keeps a small model from stuttering in the form `line`; in `json` it would punish quotes and tags,
    and is not used. Part of the content key."""
    min_group_items: int = Field(5, ge=1)
    """Items that must share an attribute to make it a group of `group_facts`. Asks only about groups that
    come or go."""
    max_groups: int = Field(64, ge=0)
    """Most groups of `group_facts`, those with the most items; 0: no sentence a group. Asks only about
    groups that come or go."""


class Facts(BaseModel, extra="forbid", frozen=True):
    """What an answer says about an item."""

    summary: str


def item_facts(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Any]:
    """The prompt with its settings applied, in the form they ask for."""
    return facts_json(settings, vocabulary) if settings.form == "json" else facts_line(settings, vocabulary)


def facts_line(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The completion form. Only the vocabulary's examples are part of it, not its tags."""
    return Prompt(
        name="item_facts",
        version=VERSION,
        row_key="item_id",
        fields=ITEM_FIELDS,
        instructions=_instructions(vocabulary),
        build=lambda row: f"{item_row(vocabulary.noun, row, settings.max_input_chars)}\n{LABEL}",
        parse=one_sentence(settings, {example.summary for example in vocabulary.examples}),
        schema=Facts,
        decoding=to_the_line_end(settings),
        again=before_the_label,
    )


def one_sentence(settings: FactsSettings, examples: Collection[str]) -> Callable[[str, FinishReason], Facts]:
    """Reads an answer that goes on where the prompt left a line open, and refuses copies of an example's
    sentence."""
    return lambda answer, finish: Facts(
        summary=sentence(accept(answer, finish, (LABEL,)), settings.max_summary_words, examples)
    )


def to_the_line_end(settings: FactsSettings) -> Decoding:
    """How such a line is written."""
    return Decoding(
        max_new_tokens=settings.max_new_tokens, repetition_penalty=settings.repetition_penalty, stop=("\n",)
    )


def _instructions(vocabulary: Vocabulary) -> str:
    return "".join(
        f"{item_lines(vocabulary.noun, e.title, e.attributes, e.text, 400)}\n{LABEL} {e.summary}\n\n"
        for e in vocabulary.examples
    )
