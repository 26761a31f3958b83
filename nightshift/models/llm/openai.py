"""The `openai` backend: any server that speaks OpenAI's HTTP interface, asked many rows at once and never
trusted.

A try that fails for the server's sake (429, 5xx, a timeout, a broken connection, a reply that cannot be
read) is made again with growing pauses, or after the pause the server asks for. A row for which no try
succeeds comes back as an answer with finish reason `error`: its neighbours are kept, and the row may be
asked again another night. What is wrong for every row (no server, a refused key, an unknown model) stops
the night with a ModelUnavailable.

Answers only: the interface has no agreed way to weigh choices, so `score` raises ModelUnavailable.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, Decoding, ModelIdentity, Question, Request, Scored
from nightshift.models.llm.connection import Connection
from nightshift.models.llm.limits import Failed, when_again
from nightshift.models.llm.replies import CHARS_PER_TOKEN, estimated_tokens, read_reply
from nightshift.models.llm.server import ServerSettings, check_server

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

log = logging.getLogger(__name__)
CONTEXT_TOKENS = 8192
"""Assumed where `llm.context_tokens` is not set; servers do not say theirs in an agreed way."""
KEPT_END = 64 * CHARS_PER_TOKEN
"""Characters at the end of an over-long text that survive the cut: there a prompt asks its question."""
WHOLE_PROMPT = 1_000_000
"""Tokens that llama.cpp's repetition penalty looks back: all of them, as transformers and vLLM do."""
FIRST_WAIT, LONGEST_BACKOFF = 0.5, 30.0
"""Seconds before the first retry and, doubling, before the last ones; up to a second of jitter comes on
top."""


class OpenAISettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which model of which server."""

    model: str
    """`name@revision`: the name is sent, both are in the content key. A name alone is `name@unversioned`."""
    context_tokens: int | None = Field(None, ge=128)
    """Longest prompt plus answer, in tokens. Part of the content key when set."""
    server: ServerSettings = ServerSettings()
    """The server."""


def identify(settings: OpenAISettings) -> ModelIdentity:
    """Name, revision and endpoint; where the server is does not count. Raises ConfigError for an address
    that is none."""
    check_server(settings.server)
    name, revision = _named(settings.model)
    limit = [f"context{settings.context_tokens}"] if settings.context_tokens else []
    effort = [f"reasoning-{settings.server.reasoning_effort}"] if settings.server.reasoning_effort else []
    return ModelIdentity(
        model_id=f"{name}@{revision}",
        arithmetic="+".join(["server", settings.server.endpoint, *limit, *effort]),
    )


def _named(model: str) -> tuple[str, str]:
    """A leading @ is part of a name, as in `@cf/meta/llama`."""
    name, _, revision = model.rpartition("@")
    return (name, revision) if name and revision else (model, "unversioned")


class OpenAILLM:
    """A model behind a server. The connection opens at the first answer and closes with the object."""

    def __init__(self, settings: OpenAISettings, first_wait: float = FIRST_WAIT) -> None:
        self.settings = settings
        self.identity = identify(settings)
        self.context_tokens = settings.context_tokens or CONTEXT_TOKENS
        self._first_wait = first_wait
        self.connection = Connection(settings.server)
        """Shared with `openai_batch`."""
        self.close = weakref.finalize(self, self.connection.close)

    @property
    def name(self) -> str:
        """The model's name as the server knows it."""
        return _named(self.settings.model)[0]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Four characters a token: a server shows no tokenizer."""
        return [estimated_tokens(text) for text in texts]

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order; `error` where the server failed.

        Raises ModelUnavailable when no server is there or it refuses us, ValueError when instructions
        leave no room.
        """
        if not requests:
            return []
        check_installed()
        began = time.perf_counter()
        answers = self.connection.run(self._all(requests))
        _tell(answers)
        seconds = (time.perf_counter() - began) / len(requests)
        return [replace(answer, seconds=seconds) for answer in answers]

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible here."""
        raise ModelUnavailable(
            "the backend openai writes answers and cannot weigh choices; set llm.backend to transformers"
        )

    async def _all(self, requests: Sequence[Request]) -> list[Answer]:
        """Workers that take rows from one line: at most `concurrency` in flight, retries and pauses
        included."""
        found: dict[int, Answer] = {}
        line = iter(enumerate(requests))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.settings.server.concurrency, len(requests))):
                    group.create_task(self._work(line, found))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first; the others were cancelled with it
        return [found[place] for place in range(len(requests))]

    async def _work(self, line: Iterator[tuple[int, Request]], found: dict[int, Answer]) -> None:
        for place, request in line:
            try:
                found[place] = await self._tried(request)
            except Failed as failed:
                if not failed.reached and not found:
                    raise self._nobody(failed) from None
                found[place] = Answer(request.key, str(failed), "error", 0, 0, 0, 0.0)

    async def _tried(self, request: Request) -> Answer:
        """Try until a reply can be read. Raises Failed with the last try's reason."""
        import stamina

        text = self.fitted(request)
        sent, payload = request.instructions + text, self._payload(request, text)
        async for attempt in stamina.retry_context(
            on=when_again,
            attempts=self.settings.server.retries + 1,
            timeout=None,
            wait_initial=self._first_wait,
            wait_max=LONGEST_BACKOFF,
            wait_jitter=min(1.0, self._first_wait),
        ):
            with attempt:
                await self.connection.pace.admit(estimated_tokens(sent) + request.decoding.max_new_tokens)
                return read_reply(await self.connection.post(payload), request, sent)
        raise AssertionError("stamina ends with an answer or an exception")

    def _payload(self, request: Request, text: str) -> dict[str, Any]:
        return payload(self.name, self.settings.server, request, text)

    def fitted(self, request: Request) -> str:
        """The row's text, its middle cut out where it is longer than the context allows."""
        room = (self.context_tokens - request.decoding.max_new_tokens) * CHARS_PER_TOKEN - len(
            request.instructions
        )
        if room < KEPT_END:
            raise ValueError(
                f"the instructions take about {estimated_tokens(request.instructions)} of "
                f"{self.context_tokens} tokens and leave no room "
                "for the row: shorten the instructions, lower max_new_tokens or raise llm.context_tokens"
            )
        text = request.text
        return text if len(text) <= room else text[: room - KEPT_END] + text[-KEPT_END:]

    def _nobody(self, failed: Failed) -> ModelUnavailable:
        server = self.settings.server
        return ModelUnavailable(
            f"no server at llm.server.base_url {server.base_url} after {server.retries + 1} tries "
            f"({failed}); "
            "is it running, and does the address end in /v1?"
        )


def payload(model: str, server: ServerSettings, request: Request, text: str) -> dict[str, Any]:
    """What the client is asked to send for one request; `text` is the row's, cut to fit.

    `chat` has an agreed field for a schema, `response_format`. `completions` has none: vLLM reads the same
    field there, llama.cpp `json_schema`; both are sent, and a server that knows neither leaves the form to
    the model. Likewise the repetition penalty, which only servers of one's own know: `completions` sends
    it under both of their names, `chat` does not.

    Stop texts go to `completions` only. A chat model begins with thoughts, line breaks or a preamble, and
    a server would stop there; what comes back is cut at the stop text behind them
    (`nightshift.models.llm.wrappings`).
    """
    decoding = request.decoding
    common = {"model": model} | (
        _thinking(decoding, server.reasoning_effort) if server.reasoning_effort else _sampling(decoding)
    )
    if server.endpoint == "completions" and decoding.stop:
        common |= {"stop": list(decoding.stop)}
    schema = json.loads(decoding.json_schema) if decoding.json_schema else None
    held = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    system, user = _sendable(request.instructions), _sendable(text)
    if server.endpoint == "completions":
        further = {"response_format": held, "json_schema": schema} if schema else {}
        if (penalty := decoding.repetition_penalty) != 1.0:
            further |= {
                "repetition_penalty": penalty,
                "repeat_penalty": penalty,
                "repeat_last_n": WHOLE_PROMPT,
            }
        return common | {"prompt": system + user} | ({"extra_body": further} if further else {})
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": user})
    return common | {"messages": messages} | ({"response_format": held} if schema else {})


def _sampling(decoding: Decoding) -> dict[str, Any]:
    asked: dict[str, Any] = {"max_tokens": decoding.max_new_tokens, "temperature": decoding.temperature}
    return asked | ({"seed": decoding.seed} if decoding.temperature > 0 else {})


def _thinking(decoding: Decoding, effort: str) -> dict[str, Any]:
    """A reasoning model refuses every other field."""
    return {"max_completion_tokens": decoding.max_new_tokens, "reasoning_effort": effort}


def _tell(answers: Sequence[Answer]) -> None:
    lost = [answer for answer in answers if answer.finish_reason == "error"]
    if lost:
        log.warning("%d of %d rows got no usable reply; the first: %s", len(lost), len(answers), lost[0].text)
    if guessed := sum(answer.estimated for answer in answers):
        log.warning(
            "the server gave no token counts for %d of %d rows; they are estimated", guessed, len(answers)
        )


def check_installed() -> None:
    """Raise ModelUnavailable, naming what to install, unless the client's packages are there."""
    try:
        import aiolimiter  # noqa: F401
        import openai  # noqa: F401
        import stamina
    except ImportError as error:
        raise ModelUnavailable(
            f"the backend openai needs the package {error.name}: pip install 'nightshift[servers]'"
        ) from error
    stamina.instrumentation.set_on_retry_hooks([_tell_again])  # its default prints to stdout, and no reason


def _tell_again(details: RetryDetails) -> None:
    log.warning("asked again in %.1f s: %s", details.wait_for, details.caused_by)


def _sendable(text: str) -> str:
    """Half a surrogate pair cannot be sent; it becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
