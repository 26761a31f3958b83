"""Prompt `item_facts`: one sentence about an item, by few-shot completion.

The form follows what was measured to work best with a 135M model: plain completion after worked examples, greedy,
repetition penalty 1.15, stop at the newline. Asked for a line of tags as well, the same model invents words outside
the vocabulary for two items in three; the tags of `item_facts` are therefore chosen (`item_tag_scores`), not written.
"""

from pydantic import BaseModel, Field

from nightshift.llm.base import Decoding, FinishReason
from nightshift.prompts.base import Prompt
from nightshift.prompts.item_text import ITEM_FIELDS, item_lines, item_row
from nightshift.prompts.reading import accept, sentence
from nightshift.prompts.vocabulary import Vocabulary

VERSION = 1
LABEL = "Summary:"


class FactsSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How item facts are written."""

    tags_per_facet: int = Field(1, ge=0)
    """Tags taken from each facet of the vocabulary, the strongest first. Asks nothing again."""
    max_summary_words: int = Field(40, ge=5)
    """Longest summary accepted, in words. Not part of the prompt: changing it re-reads stored answers for free."""
    max_input_chars: int = Field(400, ge=40)
    """Longest title or description given to the model, in characters. Part of the prompt: changing it asks longer items again."""
    max_new_tokens: int = Field(48, ge=16)
    """Longest answer in tokens. Part of the content key: changing it asks every item again."""
    repetition_penalty: float = Field(1.15, ge=1.0)
    """Keeps a small model from stuttering. Part of the content key."""


class Facts(BaseModel, extra="forbid", frozen=True):
    """What an answer says about an item."""

    summary: str


def item_facts(settings: FactsSettings, vocabulary: Vocabulary) -> Prompt[Facts]:
    """The prompt with its settings applied. Only the vocabulary's examples are part of it, not its tags."""
    examples = {example.summary for example in vocabulary.examples}

    def parse(answer: str, finish: FinishReason) -> Facts:
        return Facts(summary=sentence(accept(answer, finish), settings.max_summary_words, examples))

    return Prompt(
        name="item_facts",
        version=VERSION,
        row_key="item_id",
        fields=ITEM_FIELDS,
        instructions=_instructions(vocabulary),
        build=lambda row: f"{item_row(vocabulary.noun, row, settings.max_input_chars)}\n{LABEL}",
        parse=parse,
        schema=Facts,
        decoding=Decoding(max_new_tokens=settings.max_new_tokens, repetition_penalty=settings.repetition_penalty, stop=("\n",)),
    )


def _instructions(vocabulary: Vocabulary) -> str:
    return "".join(
        f"{item_lines(vocabulary.noun, e.title, e.attributes, e.text, 400)}\n{LABEL} {e.summary}\n\n" for e in vocabulary.examples
    )
