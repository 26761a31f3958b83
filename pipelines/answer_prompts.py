"""Beam pipeline: pending requests in, answers in the ledger, rejects with reasons.

One element is one batch. The model loads once a worker; every batch is appended to the ledger the moment it is
answered, so a kill loses the batch in flight and nothing else. A row that is rejected here is pending again, as its
next attempt, until it was asked ATTEMPTS times: whoever plans decides whether the budget still allows it. A row that
the server failed (reason `server`) has not been asked: the next run asks it, as the same attempt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import apache_beam as beam
import polars as pl
from apache_beam.options.pipeline_options import PipelineOptions

from nightshift.answers import parse
from nightshift.config import Settings
from nightshift.errors import RejectedAnswer
from nightshift.ledger import REJECTED, Ledgers
from nightshift.llm.base import LLM, Answer, Decoding, Request, Scored
from nightshift.night import Night
from nightshift.prompts.base import Prompt
from pipelines.batches import cut
from pipelines.workers import loaded_llm

Owners = dict[str, dict[str, str]]
"""`row_id` and `text_key` of each content key."""
RETRY_TEMPERATURE = 0.7
"""A greedy model would repeat itself; a second attempt samples, seeded by the attempt."""


@dataclass(frozen=True)
class Batch:
    """How one batch is asked: everything a worker needs, all of it picklable."""

    settings: Settings
    table: str
    as_of: date
    run_id: str
    attempt: int = 1

    def answer(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Ask the rows, append what came back, and count it."""
        night = Night(self.settings, self.as_of, self.run_id)
        prompt = night.prompts[self.table]
        llm = loaded_llm(self.settings.llm, self.settings.cache_folder)
        decoding = for_attempt(prompt.decoding, self.attempt)
        requests = [Request(row["content_key"], prompt.instructions, row["text"], decoding) for row in rows]
        owners = {row["content_key"]: {"row_id": row["row_id"], "text_key": row["text_key"]} for row in rows}
        if prompt.questions:
            return self._keep_scores(night.ledgers, prompt, llm.identity.model_id, llm.score(requests, prompt.questions), owners)
        return self._ask(night.ledgers, prompt, llm, requests, owners)

    def _ask(self, ledgers: Ledgers, prompt: Prompt[Any], llm: LLM, requests: list[Request], owners: Owners) -> dict[str, int]:
        outcomes = [(answer, parse(prompt, answer.text, answer.finish_reason)) for answer in llm.answer(requests)]
        good = [self._row(prompt, llm, answer) | owners[answer.key] for answer, said in outcomes if not isinstance(said, RejectedAnswer)]
        bad = [
            self._row(prompt, llm, answer) | owners[answer.key] | {"attempt": self.attempt, "reason": said.reason}
            for answer, said in outcomes
            if isinstance(said, RejectedAnswer)
        ]
        if good:
            ledgers.answers.append(good, self.run_id)
        if bad:
            ledgers.rejects.append([{name: row[name] for name in REJECTED} for row in bad], self.run_id)
        return {"rows": len(requests), "accepted": len(good), "rejected": len(bad)}

    def _row(self, prompt: Prompt[Any], llm: LLM, answer: Answer) -> dict[str, Any]:
        return self._common(prompt, llm.identity.model_id, answer) | {
            "text": answer.text,
            "finish_reason": answer.finish_reason,
            "new_tokens": answer.new_tokens,
            "scores": None,
            "choices": None,
        }

    def _keep_scores(self, ledgers: Ledgers, prompt: Prompt[Any], model_id: str, scored: list[Scored], owners: Owners) -> dict[str, int]:
        """Vectors first: a row counts as answered once its scores are there, and then its vectors must be too."""
        encoder_id = prompt.hidden_id(model_id)
        vectors = [
            {
                "content_key": s.key,
                "encoder_id": encoder_id,
                "view": "hidden",
                "run_id": self.run_id,
                "vector": s.hidden.reshape(-1).tolist(),
            }
            for s in scored
            if s.hidden is not None
        ]
        if vectors:
            ledgers.vectors.append(vectors, self.run_id)
        choices = [f"{q.name}:{choice.strip()}" for q in prompt.questions for choice in q.choices]
        ledgers.answers.append([self._scores(prompt, model_id, s) | owners[s.key] | {"choices": choices} for s in scored], self.run_id)
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
            "cost_usd": self.settings.llm.cost(said.prompt_tokens, said.new_tokens if isinstance(said, Answer) else 0),
        }


def for_attempt(decoding: Decoding, attempt: int) -> Decoding:
    """The first attempt is the prompt's own decoding; later ones sample."""
    return decoding if attempt == 1 else decoding.model_copy(update={"temperature": RETRY_TEMPERATURE, "seed": attempt})


class AnswerBatch(beam.DoFn):
    """One element in, one batch answered, its counts out."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def process(self, element: list[dict[str, Any]]) -> Iterator[dict[str, int]]:
        """Beam calls this for every element."""
        yield self.batch.answer(element)


def answer_prompts(settings: Settings, table: str, as_of: date, run_id: str, pending: pl.DataFrame) -> dict[str, int]:
    """Answer the pending requests of one table: REQUESTS columns, and `attempt` where rows were asked before.

    Returns rows, accepted and rejected.
    """
    if pending.is_empty():
        return {"rows": 0, "accepted": 0, "rejected": 0}
    tried = pending if "attempt" in pending.columns else pending.with_columns(attempt=pl.lit(1))
    for (attempt,), rows in tried.group_by("attempt", maintain_order=True):
        batches = list(cut(rows.select("content_key", "row_id", "text_key", "text"), settings.beam.batch_rows))
        run_batches(settings, batches, AnswerBatch(Batch(settings, table, as_of, run_id, attempt)))
    return counted(settings, run_id, table, pending)


def run_batches(settings: Settings, batches: list[Any], do: beam.DoFn) -> None:
    """Put every batch through the DoFn on the configured runner."""
    options = PipelineOptions(["--runner", settings.beam.runner, "--direct_running_mode=in_memory", "--direct_num_workers=1"])
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | "Batches" >> beam.Create(batches, reshuffle=False) | "Ask" >> beam.ParDo(do)


def counted(settings: Settings, run_id: str, table: str, pending: pl.DataFrame) -> dict[str, int]:
    """What became of the pending rows, read back from the ledger."""
    ledgers = Ledgers(settings.home_folder)
    accepted = ledgers.answers.lookup(pending["content_key"], ["content_key"]).height
    return {"rows": pending.height, "accepted": accepted, "rejected": pending.height - accepted}
