"""Read a model's answer: what is refused, empty, cut, stuttered or copied is rejected with its reason.

What models put around an answer is taken off first (`nightshift.models.llm.wrappings`), the same for every
prompt and backend.
"""

import json
from collections.abc import Collection

from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import FinishReason
from nightshift.models.llm.wrappings import bare, block, is_unfinished_thought
from nightshift.prompts.item_text import visible
from nightshift.prompts.refusals import is_placeholder, is_refusal

LEAST_VARIETY = 0.5
"""Smallest share of distinct words in a text of eight words or more; below it the model is stuttering."""

LONGEST_WORD = 20
"""Characters a word may have on average; a text beyond it is no sentence."""


def accept(answer: str, finish: FinishReason, labels: Collection[str] = ()) -> str:
    """The answer with nothing around it; `labels` are the prompt's own, which models repeat.

    Raises RejectedAnswer for a refusal, for thoughts that never end, for an answer that is empty (only
    marks, a preamble or `N/A`) or an object, and for one that ran out of tokens.
    """
    text = _only_text(bare(answer, labels), answer)
    says_nothing = not any(sign.isalnum() for sign in text) or is_placeholder(text)
    if says_nothing and answer.strip() and finish != "refusal" and not is_unfinished_thought(answer):
        raise RejectedAnswer("empty", f"says nothing: {shown(answer.strip())}")
    return _judged(answer, text, finish)


def refuse(answer: str, finish: FinishReason) -> None:
    """Raises RejectedAnswer for what is wrong with an answer whatever its form: refusal, empty, too_long."""
    _judged(answer, block(answer), finish)


def _judged(answer: str, text: str, finish: FinishReason) -> str:
    if finish == "refusal" or is_refusal(text):
        raise RejectedAnswer("refusal", shown(text))
    if is_unfinished_thought(answer):
        raise RejectedAnswer("too_long", f"the thoughts do not end: {shown(answer.strip())}")
    if not text:
        raise RejectedAnswer("empty", "the model wrote nothing")
    if finish == "length":
        raise RejectedAnswer("too_long", f"cut at the token limit: {shown(text)}")
    return text


def _only_text(text: str, answer: str) -> str:
    """The text of an object that holds nothing else, where a line was asked for. Raises RejectedAnswer for
    other objects."""
    if not (text.startswith(("{", "[")) and text.endswith(("}", "]"))):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if len(inner) == 1 and isinstance(inner[0], str):
        return inner[0].strip()
    if isinstance(value, dict) or not inner:
        raise RejectedAnswer("schema", f"an object instead of a sentence: {shown(answer.strip())}")
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
