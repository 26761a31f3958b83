"""The `openai_batch` backend: a provider's batch files, at half the price and within a day.

What is paid for is never sent twice and never lost. Before a batch is made, the rows it will hold are
written to `<home>/batches` under an id of our own, which the batch carries as metadata: a run that was
killed before the provider's id reached the disk finds the batch again by it. A run that finds one of its
rows in a batch that is still worked on waits for that batch. Output and error file are read whatever the
final status; what is in neither is asked again by the next run.

Answers only, like `openai`, and under the same content keys: an answer is the same whichever way it was
bought.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import Answer, Question, Request, Scored
from nightshift.models.llm.batch_lines import custom_id, line, lost, read_lines, split
from nightshift.models.llm.batch_server import FINAL, BatchServer, Progress
from nightshift.models.llm.batch_state import BatchFolder, BatchState
from nightshift.models.llm.limits import Failed
from nightshift.models.llm.openai import (
    FIRST_WAIT,
    LONGEST_BACKOFF,
    OpenAILLM,
    OpenAISettings,
    check_installed,
    payload,
    tell,
)
from nightshift.models.llm.refusals import told_about_us
from nightshift.models.llm.repeats import REPEATS
from nightshift.models.llm.shared_failures import all_alike, stopped

log = logging.getLogger(__name__)
log.addFilter(REPEATS)
GROWTH = 1.5
"""Each look at a batch comes so much later than the one before, up to `llm.batch.poll_seconds`."""
FIRST_POLL = 5.0
"""Seconds before the first look, or `poll_seconds` where that is less."""


class BatchBlock(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How batch files are sent and awaited. Read by the backend `openai_batch` only; none of it is part of
    the content key."""

    poll_seconds: float = Field(60.0, gt=0)
    """Longest time between two looks at a batch, in seconds; the first looks come sooner."""
    max_wait_hours: float = Field(26.0, gt=0)
    """Hours after which a run publishes without the batch; its rows carry fallbacks, and the next run
    takes up the same batch."""
    completion_window: str = "24h"
    """What the provider promises; OpenAI knows `24h` only."""
    max_requests: int = Field(50_000, ge=1)
    """Rows in one file at most; more rows go in several batches at once."""
    max_bytes: int = Field(200_000_000, ge=1_000)
    """Bytes of one file at most."""


class OpenAIBatchLLM:
    """A model behind a provider's batch interface. The connection opens at the first answer and closes
    with the object."""

    def __init__(
        self, settings: OpenAISettings, batch: BatchBlock, folder: Path, first_wait: float = FIRST_WAIT
    ) -> None:
        self.settings = settings
        self.batch = batch
        self._direct = OpenAILLM(settings, first_wait)
        self.identity = self._direct.identity
        self.context_tokens = self._direct.context_tokens
        self._folder = BatchFolder(folder)
        self._told: dict[str, tuple[str, int]] = {}
        self._server = BatchServer(self._direct.connection, first_wait, LONGEST_BACKOFF)
        self.close = weakref.finalize(self, self._direct.close)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Four characters a token: a server shows no tokenizer."""
        return self._direct.count_tokens(texts)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order, when every batch that holds one has ended or `max_wait_hours`
        are over.

        `error` where the provider failed a row, `waiting` where its batch is still worked on.
        Raises ModelUnavailable, with what was answered, when no provider is there, it refuses us or all
        rows fail alike; ValueError when instructions leave no room.
        """
        if not requests:
            return []
        check_installed()
        began = time.perf_counter()
        wanted = {custom_id(request): request for request in requests}
        found = self._direct.connection.run(self._all(wanted))
        seconds = (time.perf_counter() - began) / len(requests)
        answers = [
            replace(found[name], key=request.key, seconds=seconds)
            for name, request in zip(map(custom_id, requests), requests, strict=True)
        ]
        tell(answers)
        if wrong := self._about_us(answers, requests[0]):
            wrong.kept = [answer for answer in answers if answer.finish_reason != "waiting"]
            raise wrong
        return answers

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible here."""
        return self._direct.score(requests, questions)

    def _about_us(self, answers: Sequence[Answer], request: Request) -> ModelUnavailable | None:
        """What every row would hear again: no balance, a refused key, or one failure that all rows share."""
        lost = [answer for answer in answers if answer.finish_reason == "error"]
        server = self.settings.server
        for answer in lost:
            if wrong := told_about_us(answer.text, server):
                return ModelUnavailable(f"{server.base_url} {wrong}: {answer.text}")
        return stopped(server.base_url, len(lost), lost[0].text, request) if all_alike(answers) else None

    async def _all(self, wanted: dict[str, Request]) -> dict[str, Answer]:
        try:
            with self._folder.locked():
                open_batches = await self._taken_up(wanted)
                found = self._read(wanted)
                open_batches += await self._sent(wanted, found, open_batches)
        except Failed as failed:
            raise ModelUnavailable(
                f"the batch interface at {self.settings.server.base_url} cannot be used: {failed}"
            ) from None
        await self._awaited(open_batches)
        found = self._read(wanted)
        return {
            name: found.get(name) or self._still(name, request, open_batches)
            for name, request in wanted.items()
        }

    async def _taken_up(self, wanted: dict[str, Request]) -> list[BatchState]:
        """Batches of earlier runs that hold our rows and were not read yet. One that was never made is
        forgotten."""
        states = self._folder.sweep(self._folder.states(self.settings.server.base_url), datetime.now(UTC))
        mine = [state for state in states if state.ended is None and not wanted.keys().isdisjoint(state.rows)]
        for state in mine:
            if state.batch_id is None and (found := await self._server.find(state)):
                state.batch_id = found
                self._folder.save(state)
        for state in mine:
            if state.batch_id is None:
                self._folder.forget(state)
            else:
                log.info(
                    "taking up batch %s of %d rows, sent %s",
                    state.batch_id,
                    len(state.rows),
                    state.created_at.isoformat(" ", "minutes"),
                )
                await self._looked_at(state)
        return [state for state in mine if state.batch_id is not None and state.ended is None]

    def _read(self, wanted: dict[str, Request]) -> dict[str, Answer]:
        """What batches that have ended say of our rows, the newest batch last."""
        found: dict[str, Answer] = {}
        for state in self._folder.states(self.settings.server.base_url):
            rows = {name: wanted[name] for name in state.rows if name in wanted}
            if state.ended is None or not rows:
                continue
            said = read_lines(self._folder.lines(state), rows)
            why = f"in neither file of batch {state.batch_id} ({state.ended})" + (
                f": {state.reason}" if state.reason else ""
            )
            found |= {
                name: answer
                for name, request in rows.items()
                if (answer := said.get(name) or lost(request, why))
            }
        return found

    async def _sent(
        self, wanted: dict[str, Request], found: dict[str, Answer], waiting: list[BatchState]
    ) -> list[BatchState]:
        """Batches for the rows that no batch holds or has answered. Rows that an ended batch failed are
        bought again."""
        held = {name for state in waiting for name in state.rows}
        fresh = [
            request for name, request in wanted.items() if name not in held and _unanswered(found.get(name))
        ]
        server = self.settings.server
        model = self._direct.name
        lines = [
            line(request, server.endpoint, payload(model, server, request, self._direct.fitted(request)))
            for request in fresh
        ]
        sent = []
        for places in split(lines, self.batch.max_requests, self.batch.max_bytes):
            rows = [custom_id(fresh[place]) for place in places]
            sent.append(await self._send(rows, "\n".join(lines[place] for place in places) + "\n"))
        return sent

    async def _send(self, rows: list[str], content: str) -> BatchState:
        state = BatchState(
            base_url=self.settings.server.base_url, endpoint=self.settings.server.endpoint, rows=rows
        )
        self._folder.save(state)
        file_id = await self._server.upload(f"nightshift-{state.intent}.jsonl", content.encode())
        state.batch_id = await self._server.submit(state, file_id, self.batch.completion_window)
        self._folder.save(state)
        log.info("sent batch %s of %d rows, %d bytes", state.batch_id, len(rows), len(content))
        return state

    async def _awaited(self, states: list[BatchState]) -> None:
        """Look at every open batch until all have ended or time is up."""
        began, pause = time.monotonic(), min(FIRST_POLL, self.batch.poll_seconds)
        limit = self.batch.max_wait_hours * 3600
        while left := [state for state in states if state.ended is None]:
            waited = time.monotonic() - began
            if waited >= limit:
                log.warning(
                    "%d batches are not done after %.1f hours; the next run takes them up",
                    len(left),
                    self.batch.max_wait_hours,
                )
                return
            await asyncio.sleep(min(pause, limit - waited))
            pause = min(pause * GROWTH, self.batch.poll_seconds)
            for state in left:
                pause = max(pause, await self._polled(state, waited))

    async def _polled(self, state: BatchState, waited: float) -> float:
        """One look; seconds that the provider wants us to wait before the next."""
        try:
            progress = await self._looked_at(state)
        except Failed as failed:
            log.warning("batch %s could not be looked at (%s); looking again", state.batch_id, failed)
            return failed.wait or 0.0
        if progress and state.ended is None:
            counts = progress.request_counts or {}
            done = counts.get("completed", 0) + counts.get("failed", 0)
            if self._told.get(state.intent) != (
                progress.status,
                done,
            ):  # a look that shows nothing new is not told
                self._told[state.intent] = progress.status, done
                log.info(
                    "batch %s: %s, %d/%d rows, waited %.0f min",
                    state.batch_id,
                    progress.status,
                    done,
                    len(state.rows),
                    waited / 60,
                )
        return 0.0

    async def _looked_at(self, state: BatchState) -> Progress | None:
        """Ask for a batch once; where it has ended, both files are on disk before the state says so.
        Raises Failed."""
        assert state.batch_id is not None
        progress = await self._server.progress(state.batch_id)
        if progress is None:
            state.ended, state.reason = "vanished", "the provider does not know it any more"
        elif progress.status in FINAL:
            output, errors = (
                await self._server.download(progress.output_file_id),
                await self._server.download(progress.error_file_id),
            )
            self._folder.keep_lines(state, f"{output}\n{errors}\n")
            state.ended, state.reason = progress.status, progress.reason
        if state.ended:
            self._folder.save(state)
            log.info(
                "batch %s: %s%s", state.batch_id, state.ended, f" ({state.reason})" if state.reason else ""
            )
        return progress

    def _still(self, name: str, request: Request, states: list[BatchState]) -> Answer:
        """For a row without any word: its batch is still worked on, or the row fits into no file."""
        for state in states:
            if name in state.rows:
                return replace(
                    lost(request, f"batch {state.batch_id} is still worked on"), finish_reason="waiting"
                )
        return lost(request, f"one request is longer than llm.batch.max_bytes ({self.batch.max_bytes})")


def _unanswered(answer: Answer | None) -> bool:
    return answer is None or answer.finish_reason == "error"
