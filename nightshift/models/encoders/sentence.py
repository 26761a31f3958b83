"""Local sentence encoders through sentence-transformers, at the speed the processor allows.

Equal texts are encoded once, rows are sorted by their true token count and cut into batches of almost no
padding, and bfloat16 is used where the processor multiplies it natively (twice float32). Vectors leave as
float32 of unit length.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from nightshift.errors import ModelUnavailable
from nightshift.models.weights.arithmetic import Dtype, number_type
from nightshift.models.weights.tokens import encodable
from nightshift.models.weights.weights import model_id, prepare_encoder, quiet_transformers

log = logging.getLogger(__name__)


class SentenceSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which sentence encoder, and how it is run."""

    model: str = "all-minilm-l6-v2"
    """A preset's name, a local folder, or a hub id `owner/name@revision`."""
    dtype: Dtype = "auto"
    """Number type; `auto` is bfloat16 where the processor has it and float32 elsewhere. Part of the
    encoder id."""
    prefix: str = ""
    """Put before every text, for encoders trained with one (`passage: `). Part of the encoder id."""
    batch_size: int = Field(default=64, ge=1)
    """Texts a pass. Changes speed only."""
    threads: int | None = Field(default=None, ge=1)
    """Processor threads, None leaves it to torch. Changes speed only."""
    device: str = "cpu"
    """`cpu` or `cuda`. Changes speed only, except that `auto` number type is always bfloat16 on `cuda`."""


def identify(settings: SentenceSettings) -> str:
    """The encoder's id without loading torch or weights: name, revision, number type, and a digest of the
    prefix."""
    prefix = f"/prefix-{hashlib.sha256(settings.prefix.encode()).hexdigest()[:8]}" if settings.prefix else ""
    return f"{model_id(settings.model, 'encoder')}/{number_type(settings.dtype, settings.device)}{prefix}"


class SentenceEncoder:
    """A local sentence encoder. The weights load at the first text."""

    def __init__(self, settings: SentenceSettings, cache: Path) -> None:
        self.settings = settings
        self._cache = cache

    @cached_property
    def encoder_id(self) -> str:
        """What `identify` says for the same settings."""
        return identify(self.settings)

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    @cached_property
    def _folder(self) -> Path:
        return prepare_encoder(self.settings.model, self._cache)

    @cached_property
    def _model(self) -> Any:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelUnavailable(
                f"{error.name} is missing; install nightshift[models] to run local encoders"
            ) from error
        if self.settings.threads is not None:
            torch.set_num_threads(self.settings.threads)
        dtype = getattr(torch, number_type(self.settings.dtype, self.settings.device))
        with quiet_transformers():
            model = SentenceTransformer(
                str(self._folder),
                device=self.settings.device,
                local_files_only=True,
                model_kwargs={"dtype": dtype, "use_safetensors": True},
            )
        return model.eval()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimension) unit vectors, in order. Texts beyond the encoder's limit (256 tokens for
        MiniLM) are cut there."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        distinct = list(dict.fromkeys(encodable(text) for text in texts))
        place = {text: row for row, text in enumerate(distinct)}
        vectors = self._encode_distinct([self.settings.prefix + text for text in distinct])
        return vectors[[place[encodable(text)] for text in texts]]

    def _encode_distinct(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        tokens = self._model.tokenizer(texts, truncation=True, max_length=self._model.max_seq_length)[
            "input_ids"
        ]
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for rows in _similar(tokens, self.settings.batch_size):
                vectors[rows] = self._forward([tokens[row] for row in rows])
        return np.asarray(
            vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32
        )

    def _forward(self, rows: list[list[int]]) -> NDArray[np.float32]:
        """One pass: (rows, dimension)."""
        import torch

        longest, pad = max(map(len, rows)), self._model.tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=self.settings.device)
        held = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.settings.device
        )
        out: NDArray[np.float32] = (
            self._model.forward({"input_ids": ids, "attention_mask": held})["sentence_embedding"]
            .float()
            .cpu()
            .numpy()
        )
        return out


def _similar(tokens: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Rows in batches of similar length, longest first, so that memory peaks at the start."""
    order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
    for start in range(0, len(order), size):
        yield order[start : start + size]
