"""What comes out of a batch that fails, or is interrupted."""

import threading
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from apache_beam.runners.worker.statesampler import StateSampler
from apache_beam.utils.counters import CounterFactory

from nightshift.errors import ModelUnavailable
from pipelines.pipeline import run_pipeline
from pipelines.work import laid_out


@dataclass(frozen=True)
class Refused:
    """A model that nobody may ask."""

    def do(self, rows: pl.DataFrame) -> object:
        raise ModelUnavailable("the key is refused")

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows

    def tidy(self) -> None: ...


def test_an_error_of_ours_comes_out_as_it_was_said_and_beam_logs_no_stack(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    batches = [pl.DataFrame({"row": [number]}) for number in range(2)]
    with laid_out(tmp_path, "run", batches) as places, pytest.raises(ModelUnavailable) as caught:
        run_pipeline("DirectRunner", [], places, Refused(), dealt=False)
    assert str(caught.value) == "the key is refused"
    assert not caplog.records


class Interrupted(Refused):
    """A signal that comes while Beam starts a sampler: its thread runs, and Beam has not noted it."""

    def do(self, rows: pl.DataFrame) -> object:
        StateSampler.__base__.start(StateSampler("stage", CounterFactory()))
        raise KeyboardInterrupt


def test_an_interrupt_leaves_no_thread_that_would_keep_the_process(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with laid_out(tmp_path, "run", [pl.DataFrame({"row": [0]})]) as places, pytest.raises(KeyboardInterrupt):
        run_pipeline("DirectRunner", [], places, Interrupted(), dealt=False)
    assert not [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
