"""One event loop and one HTTP client, kept between batches, and what a server's errors mean.

The loop outlives a call so that limits hold across batches and connections are used again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.limits import LONGEST_WAIT, Failed, Pace, retry_after
from nightshift.models.llm.refusals import Refusal, about_us, hidden_refusal, refusal
from nightshift.models.llm.server import ServerSettings, api_key, redacted
from nightshift.models.llm.usage import billed

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

T = TypeVar("T")
CONNECT_SECONDS = 10.0
"""Longest time for a connection to be made."""
NO_SERVER = ("ConnectError", "ConnectTimeout")
"""What the HTTP client calls a server that is not there."""
PASSING = (408, 409, 425, 429)
"""Statuses below 500 that may pass."""


class Connection:
    """A server, seen from here. Nothing is opened before the first request."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._turn = threading.Lock()
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work to its end on this connection's loop, one caller at a time."""
        with self._turn:
            return self._runner.run(work)

    def close(self) -> None:
        """End connections and loop. The garbage collector may call this while another loop runs in this
        thread, which then waits for a thread that has none."""
        if asyncio._get_running_loop() is None:
            self._close()
        else:
            closing = threading.Thread(target=self._close)
            closing.start()
            closing.join()

    def _close(self) -> None:
        if (client := self.__dict__.pop("_client", None)) is not None:
            self._runner.run(client.close())
        self._runner.close()

    @cached_property
    def pace(self) -> Pace:
        """The limits, shared by all requests."""
        return Pace(self.settings)

    @cached_property
    def _client(self) -> AsyncOpenAI:
        import openai

        limit = openai.Timeout(
            self.settings.timeout_seconds, connect=min(CONNECT_SECONDS, self.settings.timeout_seconds)
        )
        key = api_key(self.settings) or "none"  # the client insists on one
        return openai.AsyncOpenAI(api_key=key, base_url=self.settings.base_url, timeout=limit, max_retries=0)

    @property
    def client(self) -> AsyncOpenAI:
        """The HTTP client, for calls that go through `tried`."""
        return self._client

    async def post(self, payload: dict[str, Any]) -> str:
        """One try: the body of the reply. Raises Failed for this request, ModelUnavailable when all would
        fail alike."""
        body = await self.tried(self._create(**payload))
        if no := hidden_refusal(body):
            failure = self._meant(replace(no, said=redacted(no.said, api_key(self.settings))))
            if isinstance(failure, Failed):
                failure.used = billed(body, "")
            raise failure
        return body

    async def tried(self, call: Awaitable[T], seconds: float | None = None) -> T:
        """One call to its end, within `seconds` or the settings' limit. Raises Failed, or ModelUnavailable
        when all would fail alike."""
        import openai

        limit = seconds or self.settings.timeout_seconds
        try:
            async with asyncio.timeout(limit):  # the client's own limit starts anew with every byte
                return await call
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except (openai.APITimeoutError, TimeoutError) as error:
            raise Failed(f"no reply within {limit:g} s", reached=not _nobody(error)) from None
        except openai.APIConnectionError as error:
            raise self._broken(error) from None
        except ValueError as error:
            raise Failed(f"the reply cannot be read: {error}"[:200]) from None

    async def _create(self, **payload: Any) -> str:
        """The raw body: the client would take half a reply for a whole one."""
        chat, plain = (
            self._client.chat.completions.with_raw_response,
            self._client.completions.with_raw_response,
        )
        reply: Any = await (chat if self.settings.endpoint == "chat" else plain).create(**payload)
        return str(reply.text)

    def _refused(self, error: APIStatusError) -> Failed | ModelUnavailable:
        """A status of 400 and above: about this row, about this moment, or about us."""
        bare = (
            error.message == f"Error code: {error.status_code}"
        )  # the client knows no words but those of OpenAI's form
        said = redacted(
            f"{error.message} {error.response.text}" if bare else error.message, api_key(self.settings)
        )
        return self._meant(
            refusal(error.status_code, error.body, said),
            retry_after(error.response.headers.get("retry-after")),
        )

    def _meant(self, no: Refusal, wait: float | None = None) -> Failed | ModelUnavailable:
        if wrong := about_us(no, self.settings):
            return ModelUnavailable(f"{self.settings.base_url} {wrong}: {no.said}")
        bearable = wait is None or wait <= LONGEST_WAIT
        if wait is not None and bearable:
            self.pace.pause(wait)
        told = no.said if str(no.status) in no.said else f"status {no.status}: {no.said}"
        return Failed(
            told, (no.status >= 500 or no.status in PASSING) and bearable, wait, kind=f"status {no.status}"
        )

    def _broken(self, error: APIConnectionError) -> Failed:
        cause = error.__cause__ or error
        return Failed(
            f"{type(cause).__name__}: {redacted(str(cause), api_key(self.settings))}",
            reached=not _nobody(error),
        )


def _nobody(error: BaseException) -> bool:
    return type(error.__cause__).__name__ in NO_SERVER
