"""Read a model's answer: what is refused, empty, cut, stuttered or copied is rejected with its reason."""

import re
from collections.abc import Collection

from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import FinishReason
from nightshift.prompts.item_text import visible

REFUSAL = re.compile(
    r"(^as an ai\b|\bas an ai (?:language )?(?:model|assistant)\b|\bas a language model\b|\bi['’]?m "
    r"sorry\b|\bi am sorry\b|\bi apologi[sz]e"
    r"|\bi can(?:not|['’]t) (?:help|assist|provide|answer|create|write)|\bi['’]?m (?:unable|not able) to"
    r"|\bi don['’]?t have (?:any )?(?:information|access|enough))",
    re.IGNORECASE,
)
"""How instruction-tuned models refuse, or say that they do not know the item."""
LEAST_VARIETY = 0.5
"""Smallest share of distinct words in a text of eight words or more; below it the model is stuttering."""

LONGEST_WORD = 20
"""Characters a word may have on average; a text beyond it is no sentence."""


def accept(answer: str, finish: FinishReason) -> str:
    """The stripped answer. Raises RejectedAnswer for a refusal, an empty answer, or one that ran out of
    tokens."""
    text = answer.strip()
    if finish == "refusal" or REFUSAL.search(text):
        raise RejectedAnswer("refusal", shown(text))
    if not text:
        raise RejectedAnswer("empty", "the model wrote nothing")
    if finish == "length":
        raise RejectedAnswer("too_long", f"cut at the token limit: {shown(text)}")
    return text


def sentence(text: str, max_words: int, not_these: Collection[str] = ()) -> str:
    """One clean sentence. Raises RejectedAnswer when it is too long, stutters, or copies an example of the
    prompt."""
    text = visible(text)
    words = text.split()
    if len(words) > max_words:
        raise RejectedAnswer("too_long", f"{len(words)} words, at most {max_words}: {shown(text)}")
    if len(text) > max_words * LONGEST_WORD:
        raise RejectedAnswer(
            "too_long",
            f"{len(text)} characters in {len(words)} words, at most {max_words * LONGEST_WORD}: "
            f"{shown(text)}",
        )
    if len(words) >= 8 and len({w.lower() for w in words}) < LEAST_VARIETY * len(words):
        raise RejectedAnswer("repetition", shown(text))
    if text in not_these:
        raise RejectedAnswer("ungrounded", f"copies an example of the prompt: {shown(text)}")
    return text


def shown(text: str) -> str:
    """The start of a text, quoted, for a message."""
    return repr(text if len(text) <= 120 else text[:117] + "...")
