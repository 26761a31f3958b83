"""A causal network in memory: forward passes over rows that share a prefix, and the prefixes it has
already read."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.attention import IMPLEMENTATION, Prefix, RowCache, shared_prefix_attention
from nightshift.models.weights.tokens import common_length

if TYPE_CHECKING:
    import torch

    Tensor = torch.Tensor

log = logging.getLogger(__name__)
PREFIXES_KEPT = 8
"""Prefixes held at once: one a prompt. A 200-token prefix of the 135M model takes 5 MB."""
CHUNK = 1024
"""Tokens of a prefix read in one pass."""


class Network:
    """Weights, and how to run them. Loading takes 0.2 s for 135M parameters once prepared."""

    def __init__(self, folder: Path, dtype: str, threads: int | None, device: str) -> None:
        torch, model = _load(folder, dtype, threads, device)
        self.device = device
        self._torch = torch
        self._body: Any = model.base_model
        self._head: Any = model.get_output_embeddings()
        self.dtype: Any = self._head.weight.dtype
        self.config: Any = model.config
        self.vocabulary = int(self._head.weight.shape[0])
        self.end_tokens = _end_tokens(folder, model.config)
        self._prefixes: OrderedDict[str, Prefix] = OrderedDict()

    def forward(
        self, ids: Tensor, positions: Tensor, bias: Tensor, prefix: Prefix | None, cache: RowCache | None
    ) -> Tensor:
        """Last-layer states (rows, new, width) of new tokens: `ids` and `positions` (rows, new), `bias`
        (rows, 1, new, own)."""
        with self._torch.inference_mode():
            out = self._body(
                input_ids=ids,
                position_ids=positions,
                attention_mask=bias,
                past_key_values=cache,
                use_cache=False,
                prefix=prefix,
            )
            if cache is not None:
                cache.length += ids.shape[1]
        states: Tensor = out.last_hidden_state
        return states

    def logits(self, states: Tensor) -> Tensor:
        """(rows, width) states to (rows, vocabulary) float32 logits."""
        with self._torch.inference_mode():
            found: Tensor = self._head(states).float()
        return found

    def cache(self, rows: int, capacity: int) -> RowCache:
        """An empty cache for that many rows and tokens."""
        config = self.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return RowCache.empty(
            config.num_hidden_layers, (rows, heads, capacity, width), self.dtype, self.device
        )

    def prefix(
        self, instructions: str, tokens: Sequence[int], rows: Sequence[Sequence[int]]
    ) -> tuple[Prefix, bool]:
        """Keys and values of what all rows begin with, at most `tokens`; and whether they had to be computed.

        Kept by `instructions`, so that later batches and later calls reuse them. A row that departs early
        shortens the prefix for its call only. Every row keeps at least one token of its own.
        """
        held = self._prefixes.get(instructions)
        fresh = held is None or held.tokens != tuple(tokens)
        if held is None or fresh:
            held = self._prefixes[instructions] = self._read(tokens)
        self._prefixes.move_to_end(instructions)
        while len(self._prefixes) > PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        shared = min(min(common_length(held.tokens, row), len(row) - 1) for row in rows)
        return held.shortened(shared), fresh

    def _read(self, tokens: Sequence[int]) -> Prefix:
        torch = self._torch
        cache = self.cache(1, len(tokens))
        for start in range(0, len(tokens), CHUNK):
            chunk = tokens[start : start + CHUNK]
            positions = torch.arange(start, start + len(chunk), device=self.device)
            own = torch.arange(start + len(chunk), device=self.device)
            bias = self.bias(own[None, :] <= positions[:, None])[None, None]
            self.forward(torch.tensor([list(chunk)], device=self.device), positions[None], bias, None, cache)
        return Prefix(tuple(tokens), tuple(cache.layers))

    def bias(self, allowed: Tensor) -> Tensor:
        """0 where attention is allowed and minus infinity elsewhere, in the model's number type."""
        zero = self._torch.zeros((), dtype=self.dtype, device=self.device)
        found: Tensor = self._torch.where(allowed, zero, float("-inf"))
        return found


def _load(folder: Path, dtype: str, threads: int | None, device: str) -> tuple[Any, Any]:
    try:
        import torch
        from transformers import AttentionInterface, AutoModelForCausalLM
    except ImportError as error:
        raise ModelUnavailable(
            f"{error.name} is missing; install nightshift[models] to run local models"
        ) from error
    from nightshift.models.weights.weights import quiet_transformers

    if threads is not None:
        torch.set_num_threads(threads)
    AttentionInterface.register(IMPLEMENTATION, shared_prefix_attention)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation=IMPLEMENTATION,
            local_files_only=True,
            use_safetensors=True,
        )
    _check_supported(folder, model.config)
    placed: Any = model
    return torch, placed.to(device).eval()


def _check_supported(folder: Path, config: Any) -> None:
    """Refuse architectures whose attention or logits the shared-prefix pass does not reproduce."""
    windows = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    scaled = [
        name
        for name in ("logits_scaling", "final_logit_softcapping", "attn_logit_softcapping", "logit_scale")
        if getattr(config, name, None)
    ]
    if windows or scaled:
        raise ModelUnavailable(
            f"{folder} ({config.model_type}) uses {', '.join([*sorted(windows), *scaled])}, which "
            f"this backend does not run; "
            "serve the model and use a server backend"
        )


def _end_tokens(folder: Path, config: Any) -> frozenset[int]:
    """Tokens that end an answer, from generation_config.json and config.json."""
    path = folder / "generation_config.json"
    listed = [
        json.loads(path.read_text("utf-8")).get("eos_token_id") if path.exists() else None,
        config.eos_token_id,
    ]
    flat = [token for each in listed for token in (each if isinstance(each, list) else [each])]
    return frozenset(token for token in flat if token is not None)
