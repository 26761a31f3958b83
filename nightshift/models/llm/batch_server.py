"""The four calls that batch files need of a provider, each repeated while repeating helps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from nightshift.models.llm.batch_lines import URLS
from nightshift.models.llm.batch_state import BatchState
from nightshift.models.llm.connection import Connection
from nightshift.models.llm.limits import Failed, when_again

T = TypeVar("T")
INTENT = "nightshift_intent"
"""Metadata under which a batch carries our own id."""
FINAL = ("completed", "failed", "expired", "cancelled")
TRANSFER_SECONDS = 1800.0
"""Longest time for a file of up to 200 MB to go or come."""
MARGIN = timedelta(days=1)
"""How much older than its intent a provider's clock may make a batch."""


class Progress(BaseModel):
    """A batch as the provider tells of it. Whatever it leaves out is None."""

    model_config = ConfigDict(extra="ignore")

    id: str
    status: str
    created_at: float | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    metadata: dict[str, str] | None = None
    request_counts: dict[str, int] | None = None
    errors: dict[str, object] | None = None

    @property
    def reason(self) -> str:
        """Why the provider refused the whole file."""
        rows = (self.errors or {}).get("data")
        return (
            "; ".join(str(row.get("message")) for row in rows if isinstance(row, dict))[:300]
            if isinstance(rows, list)
            else ""
        )


class BatchServer:
    """A provider's `/files` and `/batches`."""

    def __init__(self, connection: Connection, first_wait: float, longest_wait: float) -> None:
        self._connection = connection
        self._waits = {
            "wait_initial": first_wait,
            "wait_max": longest_wait,
            "wait_jitter": min(1.0, first_wait),
        }

    async def upload(self, name: str, content: bytes) -> str:
        """The provider's id of a file. An upload that is made twice costs nothing."""
        files = self._connection.client.files
        made = await self._again(
            lambda: files.create(file=(name, content), purpose="batch", timeout=TRANSFER_SECONDS),
            TRANSFER_SECONDS,
        )
        return _id(made)

    async def submit(self, state: BatchState, file_id: str, window: str) -> str:
        """The id of the batch, made once: after a try whose reply never came, it is looked for before it
        is made again."""
        import stamina

        batches = self._connection.client.batches
        async for attempt in stamina.retry_context(
            on=when_again, attempts=self._attempts, timeout=None, **self._waits
        ):
            with attempt:
                if attempt.num > 1 and (found := await self.find(state)):
                    return found
                made = await self._connection.tried(
                    batches.create(
                        input_file_id=file_id,
                        endpoint=URLS[state.endpoint],  # type: ignore[arg-type]
                        completion_window=window,  # type: ignore[arg-type]
                        metadata={INTENT: state.intent},
                    )
                )
                return _id(made)
        raise AssertionError("stamina ends with a value or an exception")

    async def find(self, state: BatchState) -> str | None:
        """The id of the batch that carries this intent, or None when it was never made."""
        return await self._again(lambda: self._listed(state))

    async def progress(self, batch_id: str) -> Progress | None:
        """How far a batch is; None when the provider knows no such batch. Raises Failed when it does not
        answer now."""
        import openai

        async def asked() -> Progress | None:
            try:
                return Progress.model_validate(
                    (await self._connection.client.batches.retrieve(batch_id)).model_dump()
                )
            except openai.NotFoundError:
                return None

        return await self._connection.tried(asked())

    async def download(self, file_id: str | None) -> str:
        """A file's text; nothing for no file and for one that the provider has deleted."""
        import openai

        async def read() -> str:
            try:
                reply = await self._connection.client.files.content(file_id or "", timeout=TRANSFER_SECONDS)
                return reply.read().decode("utf-8", "replace")
            except openai.NotFoundError:
                return ""

        return await self._again(read, TRANSFER_SECONDS) if file_id else ""

    async def _listed(self, state: BatchState) -> str | None:
        oldest = (state.created_at - MARGIN).timestamp()
        async for batch in self._connection.client.batches.list(limit=100):  # newest first
            told = Progress.model_validate(batch.model_dump())
            if (told.metadata or {}).get(INTENT) == state.intent:
                return told.id
            if told.created_at is not None and datetime.fromtimestamp(told.created_at).timestamp() < oldest:
                return None
        return None

    @property
    def _attempts(self) -> int:
        return self._connection.settings.retries + 1

    async def _again(self, call: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        import stamina

        async for attempt in stamina.retry_context(
            on=when_again, attempts=self._attempts, timeout=None, **self._waits
        ):
            with attempt:
                return await self._connection.tried(call(), seconds)
        raise AssertionError("stamina ends with a value or an exception")


def _id(made: object) -> str:
    """The client checks no reply's form."""
    name = getattr(made, "id", None)
    if not isinstance(name, str) or not name:
        raise Failed("the reply holds no id")
    return name
