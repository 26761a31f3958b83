"""A prompt that leaves a line open, and the one sentence that completes it."""

from collections.abc import Callable, Collection

from pydantic import BaseModel

from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import Decoding, FinishReason
from nightshift.prompts.parsing import accept, sentence, shown

LABEL = "Summary:"
"""What a line begins with."""


class Facts(BaseModel, extra="forbid", frozen=True):
    """What an answer says about an item."""  # part of the content key: the schema holds these words

    summary: str


def one_sentence(
    max_words: int, examples: Collection[str], noun: str | None = None
) -> Callable[[str, FinishReason], Facts]:
    """Reads an answer that goes on where the prompt left a line open.

    Refuses copies of an example's sentence, and a line that begins the next item (`Movie: ...`) instead of
    this one's sentence.
    """
    others = tuple(f"{name}:".casefold() for name in (noun, f"Kind of {noun}", "About") if noun)

    def read(answer: str, finish: FinishReason) -> Facts:
        text = accept(answer, finish, (LABEL,))
        if others and text.casefold().startswith(others):
            raise RejectedAnswer("schema", f"begins another item: {shown(text)}")
        return Facts(summary=sentence(text, max_words, examples))

    return read


def to_the_line_end(max_new_tokens: int, repetition_penalty: float) -> Decoding:
    """How such a line is written."""
    return Decoding(max_new_tokens=max_new_tokens, repetition_penalty=repetition_penalty, stop=("\n",))
