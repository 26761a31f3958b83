"""Beam pipeline: pending requests in, answers in the ledger, rejects with reasons.

One element is one batch. The model loads once a worker; every batch is appended to the ledger the moment
it is answered, so a kill loses the batch in flight and nothing else. A row that is rejected here is
pending again, as its next attempt, until it was asked ATTEMPTS times: whoever plans decides whether the
budget still allows it. A row that the server failed (reason `server`) has not been asked: the next run
asks it, as the same attempt.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

import polars as pl

from nightshift.enrichments.answers import parse
from nightshift.enrichments.said import Outcome, Said
from nightshift.errors import ModelUnavailable, RejectedAnswer
from nightshift.models.llm.base import LLM, Answer, Decoding, Request, Scored
from nightshift.models.llm.choices import named, unpacked
from nightshift.models.llm.recorded import RecordedLLM
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import still_fits
from nightshift.prompts.base import Prompt
from nightshift.repeats import REPEATS
from nightshift.storage.ledger import REJECTED, STATE, Ledgers
from pipelines.batches import cut
from pipelines.runners import do_all
from pipelines.workers import loaded_llm

log = logging.getLogger(__name__)
log.addFilter(REPEATS)
Owners = dict[str, dict[str, str]]
"""`row_id` and `text_key` of each content key."""
RESERVED = ("prompt_tokens", "worst_tokens", "worst_usd")
"""Columns of a plan that a budget is held against once more before a batch is asked."""
LOOKED_UP = 250_000
"""Keys that are looked up in the ledger at a time: a million at once would be copied several times over."""
RETRY_TEMPERATURE = 0.7
"""A greedy model would repeat itself; a second attempt samples, seeded by the attempt."""


@dataclass(frozen=True)
class Batch:
    """How a batch is asked: everything a worker needs, all of it picklable."""

    settings: Settings
    table: str
    as_of: date
    run_id: str

    @cached_property
    def night(self) -> Night:
        """The night, with its prompts and ledgers: made once a worker."""
        return Night(self.settings, self.as_of, self.run_id)

    @cached_property
    def said(self) -> Said:
        """What the rows of the table say by now: read once a worker."""
        return Said(self.night.prompts[self.table], self.night.ledgers)

    def do(self, rows: pl.DataFrame) -> dict[str, int]:
        """Ask the rows, which share their `attempt`, append what came back, and count it."""
        with REPEATS.within((self.settings.home_folder, self.run_id)):
            return self._do(self._unanswered(rows))

    def _unanswered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that no run has answered since they were planned: another one on this home may have
        paid for them meanwhile."""
        if self.night.prompts[self.table].questions:
            return rows  # may be asked for their states although they have an answer
        answered = self.night.ledgers.answers.lookup(rows["content_key"], ["content_key"])
        return rows.join(answered, on="content_key", how="anti", maintain_order="left")

    def _do(self, rows: pl.DataFrame) -> dict[str, int]:
        if rows.is_empty():
            return {"rows": 0, "accepted": 0, "rejected": 0}
        prompt, attempt = self.night.prompts[self.table], int(rows["attempt"][0])
        if not self._affords(prompt, rows):
            log.warning(
                "%s: a batch of %d rows is held back; the night's budget no longer affords it",
                self.table,
                rows.height,
            )
            return {"rows": 0, "accepted": 0, "rejected": 0}
        llm = self._llm(rows)
        decoding = for_attempt(prompt.decoding, attempt)
        requests = requests_of(prompt, rows, decoding)
        owners = {
            key: {"row_id": row, "text_key": text}
            for key, row, text in rows.select("content_key", "row_id", "text_key").iter_rows()
        }
        ledgers = self.night.ledgers
        if prompt.is_scored:
            scored = zip(llm.score(requests, prompt.questions), requests, strict=True)
            return self._keep_scores(ledgers, prompt, llm.identity.model_id, list(scored), owners)
        return self._ask(ledgers, prompt, llm, requests, owners, attempt)

    def _llm(self, rows: pl.DataFrame) -> LLM:
        """The worker's model; recorded answers are handed over by key, for they are known by row id and no
        request carries one."""
        settings = self.settings.llm
        if not settings.is_recorded:
            return loaded_llm(settings, self.settings.cache_folder, self.settings.home_folder)
        found = rows.join(self.night.recorded(self.table), on="row_id")
        return RecordedLLM(settings.model, dict(found.select("content_key", "answer").iter_rows()))

    def _affords(self, prompt: Prompt[Any], rows: pl.DataFrame) -> bool:
        """Whether the night's budget has room for the batch by now; rows that nobody planned are not held
        back."""
        budget, night = self.settings.budget, self.night
        if self.settings.llm.is_recorded or not budget.limited or not set(RESERVED) <= set(rows.columns):
            return True
        return still_fits(prompt, rows, night.ledgers, budget, self.as_of, night.identity.model_id)

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that this run has not yet heard about: neither answered nor, at this attempt, rejected."""
        ledgers, keys = self.night.ledgers, rows["content_key"]
        answered = ledgers.answers.lookup(keys, ["content_key"])
        tried = ledgers.rejects.lookup(keys, ["content_key", "attempt", "run_id"])
        refused = tried.filter(
            (pl.col("run_id") == self.run_id) & (pl.col("attempt") == rows["attempt"][0])
        ).select("content_key")
        return rows.join(pl.concat([answered, refused]), on="content_key", how="anti", maintain_order="left")

    def tidy(self) -> None:
        """Keep the number of parts bounded while a long night goes on: heartbeats and budgets read them
        all."""
        self.night.ledgers.compact()

    def _ask(
        self,
        ledgers: Ledgers,
        prompt: Prompt[Any],
        llm: LLM,
        requests: list[Request],
        owners: Owners,
        attempt: int,
    ) -> dict[str, int]:
        model_id = llm.identity.model_id
        try:
            answers = llm.answer(requests)
        except ModelUnavailable as error:
            self._keep(ledgers, prompt, model_id, error.kept, owners, attempt)  # they are paid
            raise
        return self._keep(ledgers, prompt, model_id, answers, owners, attempt)

    def _keep(
        self,
        ledgers: Ledgers,
        prompt: Prompt[Any],
        model_id: str,
        answers: Sequence[Answer],
        owners: Owners,
        attempt: int,
    ) -> dict[str, int]:
        outcomes = self._outcomes(prompt, answers, owners)
        good = [
            self._row(prompt, model_id, answer) | owners[answer.key]
            for answer, said in outcomes
            if not isinstance(said, RejectedAnswer)
        ]
        bad = [
            self._row(prompt, model_id, answer)
            | owners[answer.key]
            | {"attempt": attempt, "reason": "server" if said.reason == "waiting" else said.reason}
            for answer, said in outcomes
            if isinstance(said, RejectedAnswer)
        ]
        if good:
            ledgers.answers.append(good, self.run_id)
        if bad:
            ledgers.rejects.append([{name: row[name] for name in REJECTED} for row in bad], self.run_id)
        return {"rows": len(answers), "accepted": len(good), "rejected": len(bad)}

    def _outcomes(
        self, prompt: Prompt[Any], answers: Sequence[Answer], owners: Owners
    ) -> list[tuple[Answer, Outcome]]:
        """What each answer says, or why it is rejected: by its own words, then for what other rows say."""
        said: list[Outcome] = [parse(prompt, answer.text, answer.finish_reason) for answer in answers]
        if prompt.max_equal is not None:
            rows = [owners[answer.key]["row_id"] for answer in answers]
            said = self.said.judged(list(zip(rows, said, strict=True)))
        return list(zip(answers, said, strict=True))

    def _row(self, prompt: Prompt[Any], model_id: str, answer: Answer) -> dict[str, Any]:
        return self._common(prompt, model_id, answer) | {
            "text": answer.text,
            "finish_reason": answer.finish_reason,
            "new_tokens": answer.new_tokens,
            "scores": None,
            "choices": None,
        }

    def _keep_scores(
        self,
        ledgers: Ledgers,
        prompt: Prompt[Any],
        model_id: str,
        scored: list[tuple[Scored, Request]],
        owners: Owners,
    ) -> dict[str, int]:
        """Vectors first: a row counts as answered once its scores are there, and then its vectors must be
        too."""
        encoder_id = prompt.hidden_id(model_id)
        vectors = [
            {
                "content_key": s.key,
                "encoder_id": encoder_id,
                "view": STATE,
                "run_id": self.run_id,
                "vector": s.hidden.reshape(-1).tolist(),
            }
            for s, _ in scored
            if s.hidden is not None
        ]
        if vectors:
            ledgers.vectors.append(vectors, self.run_id)
        rows = [
            self._scores(prompt, model_id, s)
            | owners[s.key]
            | {"choices": named(request.questions or prompt.questions)}
            for s, request in scored
        ]
        ledgers.answers.append(rows, self.run_id)
        return {"rows": len(scored), "accepted": len(scored), "rejected": 0}

    def _scores(self, prompt: Prompt[Any], model_id: str, scored: Scored) -> dict[str, Any]:
        return self._common(prompt, model_id, scored) | {
            "text": None,
            "finish_reason": "stop",
            "new_tokens": 0,
            "scores": scored.log_probabilities.tolist(),
        }

    def _common(self, prompt: Prompt[Any], model_id: str, said: Answer | Scored) -> dict[str, Any]:
        return {
            "content_key": said.key,
            "table": self.table,
            "as_of": self.as_of,
            "run_id": self.run_id,
            "model_id": model_id,
            "created_at": datetime.now(UTC),
            "prompt_id": prompt.prompt_id,
            "prompt_tokens": said.prompt_tokens,
            "cached_tokens": said.cached_tokens,
            "seconds": said.seconds,
            "cost_usd": self.settings.llm.cost(
                said.prompt_tokens, said.new_tokens if isinstance(said, Answer) else 0, said.cached_tokens
            ),
        }


def requests_of(prompt: Prompt[Any], rows: pl.DataFrame, decoding: Decoding) -> list[Request]:
    """The rows as a model is asked, with the questions of their own where they bring some."""
    own: Iterable[str | None] = rows["questions"] if "questions" in rows.columns else [None] * rows.height
    texts = rows.select("content_key", "text").iter_rows()
    return [
        Request(key, prompt.instructions, text, decoding, unpacked(questions))
        for (key, text), questions in zip(texts, own, strict=True)
    ]


def for_attempt(decoding: Decoding, attempt: int) -> Decoding:
    """The first attempt is the prompt's own decoding; later ones sample."""
    return (
        decoding
        if attempt == 1
        else decoding.model_copy(update={"temperature": RETRY_TEMPERATURE, "seed": attempt})
    )


def answer_prompts(
    settings: Settings, table: str, as_of: date, run_id: str, pending: pl.DataFrame
) -> dict[str, int]:
    """Answer the pending requests of one table: REQUESTS columns, and `attempt` where rows were asked before.

    Returns rows, accepted and rejected.
    """
    if pending.is_empty():
        return {"rows": 0, "accepted": 0, "rejected": 0}
    do_all(
        settings,
        run_id,
        batches(pending, settings.llm.rows_at_once or settings.beam.batch_rows),
        Batch(settings, table, as_of, run_id),
    )
    return counted(settings, pending)


def batches(pending: pl.DataFrame, batch_rows: int) -> Iterator[pl.DataFrame]:
    """What the workers are given: batches of one attempt each, the attempt of the worthiest row first."""
    tried = pending if "attempt" in pending.columns else pending.with_columns(attempt=pl.lit(1))
    reserved = [name for name in ("questions", *RESERVED) if name in tried.columns]
    rows = tried.select(
        "content_key", "row_id", "text_key", "text", pl.col("attempt").cast(pl.Int64), *reserved
    )
    attempts = rows["attempt"].unique(maintain_order=True).to_list()
    for attempt in attempts:
        yield from cut(rows if len(attempts) == 1 else rows.filter(pl.col("attempt") == attempt), batch_rows)


def counted(settings: Settings, pending: pl.DataFrame) -> dict[str, int]:
    """What became of the pending rows, read back from the ledger."""
    ledger = Ledgers(settings.home_folder).answers
    slices = pending.select("content_key").iter_slices(LOOKED_UP)
    accepted = sum(ledger.lookup(keys["content_key"], ["content_key"]).height for keys in slices)
    return {"rows": pending.height, "accepted": accepted, "rejected": pending.height - accepted}
