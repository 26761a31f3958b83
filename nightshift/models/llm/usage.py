"""What a server says a call used. A number that cannot be true is none, and a number that is missing is
estimated and marked."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

CHARS_PER_TOKEN = 4
"""English text per token of a byte-pair vocabulary; a server shows no tokenizer."""
MOST_CHARS_PER_TOKEN, BELIEVED = 40, 64
"""A count is disbelieved below one token in 40 characters: servers say 0, or what was not cached. From 64
tokens on it is believed whatever was sent: a server may have cut a long text."""
MOST_TOKENS = 1_000_000_000
"""A larger number is no count of one call's tokens."""


def _count(value: Any) -> int | None:
    """A whole number of tokens, however it is written; None for anything else.

    >>> [_count(value) for value in (12, 12.0, "12", True, -1, 1.5, "many", float("nan"), 10**30, None)]
    [12, 12, 12, None, None, None, None, None, None, None]
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if 0 <= number <= MOST_TOKENS and number.is_integer() else None


def _block(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


Count = Annotated[int | None, BeforeValidator(_count)]


class Details(BaseModel):
    """What became of the prompt's tokens."""

    cached_tokens: Count = None


class Usage(BaseModel):
    """The block `usage` of a reply. Nothing in it can make the reply unreadable."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: Annotated[Details, BeforeValidator(_block)] = Details()


UsageBlock = Annotated[Usage, BeforeValidator(_block)]
"""A field that reads anything: what is no block says nothing."""


class _Billed(BaseModel):
    usage: UsageBlock = Usage()


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call, or several tries of it, used."""

    prompt: int = 0
    cached: int = 0
    new: int = 0
    estimated: bool = False
    """Whether a count was missing or could not be true."""

    def __add__(self, other: "Tokens") -> "Tokens":
        cached, estimated = self.cached + other.cached, self.estimated or other.estimated
        return Tokens(self.prompt + other.prompt, cached, self.new + other.new, estimated)


def estimated_tokens(text: str) -> int:
    """Tokens by the usual four characters each, rounded up.

    >>> estimated_tokens(""), estimated_tokens("dark"), estimated_tokens("dark and stormy night")
    (0, 1, 6)
    """
    return -(-len(text) // CHARS_PER_TOKEN)


def tokens_of(usage: Usage, sent: str, written: str) -> Tokens:
    """What the usage says of a prompt and what was written for it, thoughts included.

    A total that exceeds its parts counts: some servers leave thoughts out of the new tokens, and in the
    total.
    """
    prompt, new = _believed(usage.prompt_tokens, sent), _believed(usage.completion_tokens, written)
    total = usage.total_tokens or 0
    if prompt is None and new is not None and total > new:
        prompt = _believed(total - new, sent)
    elif prompt is not None and total > prompt:
        new = max(new or 0, total - prompt)
    estimated = prompt is None or new is None
    counted = estimated_tokens(sent) if prompt is None else prompt
    cached = min(usage.prompt_tokens_details.cached_tokens or 0, counted)
    return Tokens(counted, cached, max(1, estimated_tokens(written)) if new is None else new, estimated)


def billed(body: str, sent: str) -> Tokens:
    """What a reply whose answer cannot be read says that it cost; nothing where it says nothing."""
    for part in reversed(_events(body)):
        try:
            usage = _Billed.model_validate_json(part).usage
        except ValidationError:
            continue
        if usage.prompt_tokens or usage.completion_tokens or usage.total_tokens:
            return tokens_of(usage, sent, "")
    return Tokens()


def is_stream(body: str) -> bool:
    """Whether a server sent a stream of events that nobody asked for."""
    return body.lstrip().startswith("data:")


def _events(body: str) -> list[str]:
    return [line[5:] for line in body.splitlines() if line.startswith("data:")] if is_stream(body) else [body]


def _believed(count: int | None, text: str) -> int | None:
    least = min(BELIEVED, -(-len(text) // MOST_CHARS_PER_TOKEN))
    return count if count is not None and count >= least else None
