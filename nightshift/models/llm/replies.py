"""Read what a server sends back. Nothing in it is trusted to be there, and what cannot be read is a failed
try."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from nightshift.models.llm.base import Answer, FinishReason, Request
from nightshift.models.llm.finish import finish_of
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.wrappings import cut_at_stop

CHARS_PER_TOKEN = 4
"""English text per token of a byte-pair vocabulary; a server shows no tokenizer."""


class _Details(BaseModel):
    cached_tokens: int | None = Field(None, ge=0)


class _Usage(BaseModel):
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)
    prompt_tokens_details: _Details | None = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    error: Any = None
    """What went wrong while the answer was written: OpenRouter and other proxies say it here, under a
    status of 200."""


class _Reply(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    error: Any = None
    usage: _Usage | None = None


def estimated_tokens(text: str) -> int:
    """Tokens by the usual four characters each, rounded up.

    >>> estimated_tokens(""), estimated_tokens("dark"), estimated_tokens("dark and stormy night")
    (0, 1, 6)
    """
    return -(-len(text) // CHARS_PER_TOKEN)


def read_reply(body: str, request: Request, sent: str) -> Answer:
    """The answer in a reply's body; `seconds` is left 0. Raises Failed for half a body or one of another
    form.

    A refusal keeps the words it was given in. Missing token counts are estimated and marked.
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError as error:
        raise Failed(f"the reply cannot be read: {error.errors()[0]['msg']}"[:200]) from None
    choice, usage = reply.choices[0], reply.usage or _Usage()
    if broken := choice.error or reply.error:
        raise Failed(f"the server gave up on the answer: {_told(broken)}")
    text, reason = _said(choice, request.decoding.stop)
    prompt = usage.prompt_tokens if usage.prompt_tokens is not None else estimated_tokens(sent)
    new = usage.completion_tokens if usage.completion_tokens is not None else max(1, estimated_tokens(text))
    cached = (usage.prompt_tokens_details or _Details()).cached_tokens or 0
    estimated = usage.prompt_tokens is None or usage.completion_tokens is None
    return Answer(request.key, text, reason, prompt, min(cached, prompt), new, 0.0, estimated)


def _said(choice: _Choice, stop: Sequence[str]) -> tuple[str, FinishReason]:
    message = choice.message or _Message(content=choice.text)
    if message.refusal:
        return message.refusal, "refusal"
    text, finish = message.content or "", finish_of(choice.finish_reason)
    if finish == "refusal":
        return text or "withheld by the server's content filter", "refusal"
    return cut_at_stop(text, stop, finish)


def _told(error: Any) -> str:
    inner = error.get("message") or error.get("code") or error if isinstance(error, dict) else error
    return str(inner)[:200]
