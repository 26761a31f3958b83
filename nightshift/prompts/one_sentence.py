"""A prompt that leaves a line open, and the one sentence that completes it."""

from collections.abc import Callable, Collection

from pydantic import BaseModel

from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.prompts.parsing import accept, sentence

LABEL = "Summary:"
"""What a line begins with."""


class Facts(BaseModel, extra="forbid", frozen=True):
    """What an answer says about an item."""  # part of the content key: the schema holds these words

    summary: str


def one_sentence(max_words: int, examples: Collection[str]) -> Callable[[str, FinishReason], Facts]:
    """Reads an answer that goes on where the prompt left a line open, and refuses copies of an example's
    sentence."""
    return lambda answer, finish: Facts(summary=sentence(accept(answer, finish), max_words, examples))


def to_the_line_end(max_new_tokens: int, repetition_penalty: float) -> Decoding:
    """How such a line is written."""
    return Decoding(max_new_tokens=max_new_tokens, repetition_penalty=repetition_penalty, stop=("\n",))
