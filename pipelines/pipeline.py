"""The one pipeline: places in, batches worked off, results in the ledger.

A runner carries no results. Losing a worker loses the batch in its hands: the next worker that is given a
batch which somebody had begun asks only for what the ledger misses, and skips one that was finished.
"""

import threading
from collections.abc import Iterator
from typing import Any, Protocol

import apache_beam as beam
import polars as pl
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.worker.statesampler import StateSampler

from nightshift.errors import NightshiftError
from pipelines.work import Place
from pipelines.workers import one_at_a_time

TIDY_EVERY = 256
"""Batches between two compactions: reading a ledger takes 0.3 ms a part (1,500 parts, two cores)."""


class Task(Protocol):
    """What is done with a batch. Travels to workers: a frozen dataclass of plain settings."""

    def do(self, rows: pl.DataFrame) -> object:
        """Work the rows off and leave the results in the ledger."""

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows without a result in the ledger yet."""

    def tidy(self) -> None:
        """Called now and then by one worker: keep what the batches leave behind in good order."""


class DoBatch(beam.DoFn):
    """One place in, its batch done, its number out."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def process(self, element: Place) -> Iterator[int]:
        """Beam calls this for every element, on some runners from several threads of a process."""
        try:
            with one_at_a_time:
                work_off(self.task, element)
        except BaseException as error:
            if isinstance(error, NightshiftError) or not isinstance(error, Exception):
                error.__dict__["_tagged_with_step"] = (
                    True  # else Beam logs its own stack and puts its step's name behind our message
                )
            raise
        yield element.number


def work_off(task: Task, place: Place) -> None:
    """Do one batch, unless it is done or work was stopped; only what the ledger misses, if another worker
    had begun it."""
    if place.done or place.stopped:
        return
    rows = place.rows() if place.begin() else task.missing(place.rows())
    if rows.height:
        task.do(rows)
    place.finish()
    if place.number % TIDY_EVERY == TIDY_EVERY - 1:
        task.tidy()


def run_pipeline(
    runner: Any, options: list[str], places: list[Place], task: Task, dealt: bool = True
) -> None:
    """Run it to its end. `runner` is a name or an instance.

    `dealt` lets the runner deal the batches to its workers; undealt they keep their order of worth.
    """
    pipeline = beam.Pipeline(runner=runner, options=PipelineOptions(options))
    batches = pipeline | "Batches" >> beam.Create(places, reshuffle=False)
    if dealt:
        batches = batches | "Deal" >> beam.Reshuffle()
    _ = batches | "Ask" >> beam.ParDo(DoBatch(task))
    try:
        result = pipeline.run()
        try:
            result.wait_until_finish()
        finally:
            _close(result)
    except BaseException as error:
        interrupt = _interrupt(error)
        if interrupt is None:
            raise
        _stop_samplers()
        raise interrupt from None


def _interrupt(error: BaseException | None) -> BaseException | None:
    """The interrupt (Ctrl-C, a signal) that Beam made a RuntimeError of, if there was one."""
    while isinstance(error, Exception):
        error = error.__cause__ or error.__context__
    return error


def _stop_samplers() -> None:
    """Stop the samplers that an interrupt caught between their start and Beam's note of it: Beam leaves
    their threads running, and the process would never end."""
    for thread in threading.enumerate():
        sampler = getattr(getattr(thread, "_target", None), "__self__", None)
        if isinstance(sampler, StateSampler):
            sampler.stop()


def _close(result: Any) -> None:
    """Beam leaves its connection to Dask open."""
    client = getattr(result, "client", None)
    if client is not None:
        client.close()


def last_line(text: str) -> str:
    """The last line that says something: of a traceback, the exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
