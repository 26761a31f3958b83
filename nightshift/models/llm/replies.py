"""Read what a server sends back. Nothing in it is trusted to be there, and what cannot be read is a failed
try."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from nightshift.models.llm.base import Answer, FinishReason, Request
from nightshift.models.llm.finish import finish_of
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.usage import Usage, UsageBlock, billed, is_stream, tokens_of
from nightshift.models.llm.wrappings import cut_at_stop

TEXT_PARTS = ("text", "output_text", "refusal")
"""Kinds of a content's parts that are the answer; thoughts, pictures and the like are not."""
UNREADABLE = "unreadable"
"""How `Failed.kind` begins for a reply that came whole, was paid, and cannot be read: the next one will
probably be like it."""
NO_JSON = "not JSON"
"""The kind of a body that is a gateway's page, empty or cut: it passes."""


def _joined(content: Any) -> Any:
    """The text of a content that is a part or a list of parts; anything else as it is."""
    if not isinstance(content, list | dict):
        return content
    return "".join(map(_part, content if isinstance(content, list) else [content]))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type", "text") if isinstance(part, dict) else None
    text = (
        part.get("refusal" if kind == "refusal" else "text")
        if kind in TEXT_PARTS
        else ""
        if isinstance(kind, str)
        else None
    )
    if not isinstance(text, str):
        raise ValueError(f"a part of the content is no text: {part!r:.60}")  # pydantic tells ValueErrors
    return text


def _words(value: Any) -> str | None:
    return value if isinstance(value, str) else None


Words = Annotated[str | None, BeforeValidator(_words)]
"""A text that may be missing: one of another form is, and costs no answer."""


class _Message(BaseModel):
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    refusal: Words = None
    reasoning: Words = None
    reasoning_content: Words = None


class _Choice(BaseModel):
    message: _Message | None = None
    text: str | None = None
    finish_reason: Words = None
    error: Any = None
    """What went wrong while the answer was written: OpenRouter and other proxies say it here, under a
    status of 200."""

    @property
    def written(self) -> str:
        """All that the model wrote, thoughts included."""
        said = self.message or _Message(content=self.text)
        return "".join(
            words or "" for words in (said.content, said.refusal, said.reasoning_content or said.reasoning)
        )


def _first(choices: Any) -> Any:
    """The one that is read: another of odd form costs nothing."""
    return choices[:1] if isinstance(choices, list) else choices


class _Reply(BaseModel):
    choices: Annotated[list[_Choice], BeforeValidator(_first)] = Field(min_length=1)
    error: Any = None
    usage: UsageBlock = Usage()


def read_reply(body: str, request: Request, sent: str) -> Answer:
    """The answer in a reply's body; `seconds` is left 0. Raises Failed for half a body or one of another
    form.

    A refusal keeps the words it was given in. Token counts that are missing or cannot be true are
    estimated and marked; what a reply that cannot be read says that it cost is in the Failed.
    """
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the start"
        passes = first["type"] == "json_invalid" and not is_stream(body)
        kind = NO_JSON if passes else f"{UNREADABLE}: {first['type']} at {where}"
        told = f"the reply cannot be read: {first['msg']}"[:200]
        raise Failed(told, kind=kind, used=billed(body, sent)) from None
    choice = reply.choices[0]
    if broken := choice.error or reply.error:
        raise Failed(f"the server gave up on the answer: {_told(broken)}", used=billed(body, sent))
    text, reason = _said(choice, request.decoding.stop)
    used = tokens_of(reply.usage, sent, choice.written)
    return Answer(request.key, text, reason, used.prompt, used.cached, used.new, 0.0, used.estimated)


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
