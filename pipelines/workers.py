"""What a worker keeps between batches: one loaded model, one loaded encoder, whatever pipeline asks for them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from nightshift.encoders import EncoderSettings, build_encoder
from nightshift.encoders.base import Encoder
from nightshift.llm import LLMSettings, build_llm
from nightshift.llm.base import LLM

one_at_a_time = threading.Lock()
"""Held while a batch is worked off: some runners call from several threads, and a model answers one batch at a time."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_")
"""What Dask and we set for new worker processes. They are read once, when a library is loaded."""


@lru_cache(maxsize=1)
def loaded_llm(settings: LLMSettings, cache: Path) -> LLM:
    """The language model, loaded at its first batch and kept for the life of the worker."""
    return build_llm(settings, cache)


@lru_cache(maxsize=1)
def loaded_encoder(settings: EncoderSettings, cache: Path) -> Encoder:
    """The text encoder, likewise."""
    return build_encoder(settings, cache)


@contextmanager
def threads_each(count: int) -> Iterator[None]:
    """Worker processes started inside the block compute with so many threads; this process stays as it is."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update({name: str(count) for name in THREAD_VARIABLES if name.endswith("_NUM_THREADS")})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
