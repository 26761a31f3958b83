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
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, Decoding, ModelIdentity, Question, Request, Scored
from nightshift.models.llm.connection import Connection
from nightshift.models.llm.limits import Failed, when_again
from nightshift.models.llm.replies import UNREADABLE, read_reply
from nightshift.models.llm.server import ServerSettings, check_server
from nightshift.models.llm.shared_failures import SharedFailures
from nightshift.models.llm.usage import CHARS_PER_TOKEN, Tokens, estimated_tokens
from nightshift.repeats import REPEATS

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

log = logging.getLogger(__name__)
log.addFilter(REPEATS)
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
        self._watched: dict[tuple[str, Decoding], SharedFailures] = {}
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

        Raises ModelUnavailable when no server is there, it refuses us, or the first rows all failed alike,
        with what was answered before; ValueError when instructions leave no room.
        """
        if not requests:
            return []
        check_installed()
        began = time.perf_counter()
        answers, stopped = self.connection.run(self._all(requests))
        tell(answers)
        seconds = (time.perf_counter() - began) / len(requests)
        timed = [replace(answer, seconds=seconds) for answer in answers]
        if stopped is not None:
            stopped.kept = timed
            raise stopped
        return timed

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible here."""
        raise ModelUnavailable(
            "the backend openai writes answers and cannot weigh choices; set llm.backend to transformers"
        )

    async def _all(self, requests: Sequence[Request]) -> tuple[list[Answer], ModelUnavailable | None]:
        """Workers that take rows from one line: at most `concurrency` in flight, retries and pauses included.

        What stops one of them stops all when what they have in flight has come: it is paid.
        """
        found: dict[int, Answer] = {}
        stops: list[ModelUnavailable] = []
        line = iter(enumerate(requests))
        watch = self._watched.setdefault((requests[0].instructions, requests[0].decoding), SharedFailures())
        if watch.is_closed:
            await self._work(islice(line, 1), found, stops, watch, probing=True)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.settings.server.concurrency, len(requests))):
                    group.create_task(self._work(line, found, stops, watch))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first; the others were cancelled with it
        return [found[place] for place in sorted(found)], stops[0] if stops else None

    async def _work(
        self,
        line: Iterator[tuple[int, Request]],
        found: dict[int, Answer],
        stops: list[ModelUnavailable],
        watch: SharedFailures,
        probing: bool = False,
    ) -> None:
        while not stops and (taken := next(line, None)):
            place, request = taken
            if watch.is_closed and not probing:
                found[place] = _lost(request, Failed(watch.unsent))
                continue
            try:
                found[place] = await self._tried(request, stops)
                watch.answered()
            except ModelUnavailable as error:
                stops.append(error)
            except Failed as failed:
                if not failed.reached and not found:
                    stops.append(self._nobody(failed))
                    return
                found[place] = _lost(request, failed)
                watch.failed(failed)
                if watch.is_hopeless:
                    stops.append(watch.error(self.settings.server.base_url, request))

    async def _tried(self, request: Request, stops: list[ModelUnavailable]) -> Answer:
        """Try until a reply can be read, or cannot be for the same reason twice in a row. Raises Failed
        with the last try's reason.

        What the tries before it cost is counted with the last one.
        """
        import stamina

        text = self.fitted(request)
        sent, payload = request.instructions + text, self._payload(request, text)
        before, used = "", Tokens()
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
                try:
                    if stops and before:
                        raise Failed("the night stopped before it was sent again", again=False)
                    return _with(read_reply(await self.connection.post(payload), request, sent), used)
                except ModelUnavailable as error:
                    if used == Tokens():
                        raise
                    stops.append(error)  # the row is kept, for its earlier try was paid
                    raise Failed(str(error), again=False, used=used) from None
                except Failed as failed:
                    is_known = failed.kind == before and failed.kind.startswith(UNREADABLE)
                    failed.again = failed.again and not is_known and not stops
                    before, used = failed.kind, used + failed.used
                    failed.used = used
                    raise
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


def _with(answer: Answer, used: Tokens) -> Answer:
    """The answer, and what earlier tries of it cost."""
    every = used + Tokens(answer.prompt_tokens, answer.cached_tokens, answer.new_tokens, answer.estimated)
    return replace(
        answer,
        prompt_tokens=every.prompt,
        cached_tokens=every.cached,
        new_tokens=every.new,
        estimated=every.estimated,
    )


def _lost(request: Request, failed: Failed) -> Answer:
    used = failed.used
    return Answer(request.key, str(failed), "error", used.prompt, used.cached, used.new, 0.0, used.estimated)


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


def tell(answers: Sequence[Answer]) -> None:
    """Say how many rows got nothing, and how many counts are estimates."""
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
