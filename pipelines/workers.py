"""What a worker keeps between batches: one loaded model, one loaded encoder, whatever pipeline asks for
them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from nightshift.models.encoders import EncoderSettings, build_encoder
from nightshift.models.encoders.base import Encoder
from nightshift.models.llm import LLMSettings, build_llm
from nightshift.models.llm.base import LLM

one_at_a_time = threading.Lock()
"""Held while a batch is worked off: some runners call from several threads, and a model answers one batch
at a time."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read once, when torch or a BLAS is loaded: they must stand before a worker process starts."""
DASK_SETS = (*THREAD_VARIABLES, "MALLOC_TRIM_THRESHOLD_")
"""What Dask sets in the process that starts a cluster, and would leave there."""


@lru_cache(maxsize=1)
def loaded_llm(settings: LLMSettings, cache: Path, home: Path | None = None) -> LLM:
    """The language model, loaded at its first batch and kept for the life of the worker."""
    return build_llm(settings, cache, home)


@lru_cache(maxsize=1)
def loaded_encoder(settings: EncoderSettings, cache: Path) -> Encoder:
    """The text encoder, likewise."""
    return build_encoder(settings, cache)


def threads_each(count: int) -> dict[str, str]:
    """Environment of a worker process whose model computes with so many threads."""
    return {name: str(count) for name in THREAD_VARIABLES}


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Processes started inside the block have these variables; this process has its own again afterwards."""
    before = {name: os.environ.get(name) for name in (*DASK_SETS, *variables)}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
