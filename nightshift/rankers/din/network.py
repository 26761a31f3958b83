"""The network: item vectors, target attention over the signed and timed history, and layers over all of it.

Deep Interest Network (Zhou et al., KDD 2018) with an item vector that is the sum of its id's embedding,
its semantic ids' heads and the mean of its attributes, so that an item without an id still has a place. If
asked for, its frozen text vectors are added to it through a learned projection.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from nightshift.rankers.din.attention import attend
from nightshift.rankers.din.batches import GAPS, Block, Inputs
from nightshift.rankers.din.settings import DINSettings

SPREAD = 0.05
"""Standard deviation of new embeddings."""
PLAIN = 1.0
"""Bias of every event's score at first: attention begins as the plain sum of the history, so that
embeddings learn from the first step. From 0 it was 0.0013 AUC less on MovieLens-100K's validation rows."""
QUIET = 0.2
"""What the attention adds to that bias begins small: a fifth of the usual spread of its last layer."""
GENTLE = 5.0
"""The layers above begin with a fifth of He's variance: 0.0005 AUC more on MovieLens-100K's validation
rows."""


@dataclass(frozen=True)
class Batch:
    """Rows of a block as tensors; slots are the block's."""

    dense: Tensor
    candidate: Tensor
    event: Tensor
    kind: Tensor
    row: Tensor
    slots: Tensor
    """(distinct,) slots that the batch names; `candidate` and `event` count among them."""

    @classmethod
    def of(cls, block: Block, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Self:
        """The rows at some places of a block."""
        counts = block.begins[rows + 1] - block.begins[rows]
        row = np.repeat(np.arange(len(rows)), counts)
        place = (
            np.arange(len(row))
            - np.repeat(np.cumsum(counts) - counts, counts)
            + np.repeat(block.begins[rows], counts)
        )
        candidate, event = block.candidate[rows], block.events[place]
        named = np.zeros(len(block.slots), np.bool_)
        named[candidate], named[event] = True, True
        slots = np.flatnonzero(named)
        number = np.zeros(len(named), np.int64)
        number[slots] = np.arange(len(slots))
        arrays = (block.dense[rows], number[candidate], number[event], block.kinds[place], row, slots)
        return cls(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


class Network(nn.Module):
    """Logit of a positive label. `ids` and `heads` are large tables of which a batch reads few rows: the
    trainer moves only those."""

    def __init__(self, inputs: Inputs, settings: DINSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        catalogue, d, units = inputs.catalogue, settings.dimension, settings.attention_units

        def table(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, d, generator=generator) * SPREAD)

        def weight(rows: int, fan_out: int, fan_in: float) -> nn.Parameter:
            scale = (2.0 / (1.0625 * fan_in)) ** 0.5  # He et al., 2015, for PReLU of slope 1/4
            return nn.Parameter(torch.randn(rows, fan_out, generator=generator) * scale)

        self.ids, self.heads = table(catalogue.ids.len() + 1), table(max(catalogue.code_rows, 1))
        self.attributes, self.kinds = table(catalogue.attributes.len() + 1), table(2 * GAPS)
        self.query, self.pair = weight(d, units, 4 * d), weight(2 * d, units, 4 * d)
        self.bias, self.slope = nn.Parameter(torch.zeros(units)), nn.Parameter(torch.full((units,), 0.25))
        self.out = nn.Parameter(torch.randn(units, generator=generator) * QUIET * units**-0.5)
        self.shift = nn.Parameter(torch.tensor(PLAIN))
        widths = (inputs.width + 3 * d, *settings.units)
        self.layers = nn.ParameterList([weight(one, other, GENTLE * one) for one, other in pairwise(widths)])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(width)) for width in widths[1:]])
        self.slopes = nn.ParameterList([nn.Parameter(torch.full((width,), 0.25)) for width in widths[1:]])
        self.last = nn.Parameter(torch.randn(widths[-1], generator=generator) * 0.5 * widths[-1] ** -0.5)
        self.offset = nn.Parameter(torch.zeros(()))
        # one matrix below the other, a view each; drawn last, so that the other weights begin the same
        # without it
        self.projection = table(catalogue.vector_width) if catalogue.vector_width else None

    def vectors(self, ids: Tensor, heads: Tensor, attributes: Tensor, begins: Tensor, text: Tensor) -> Tensor:
        """(slots, d) item vectors: `ids` (slots, d) and `heads` (slots, heads, d) are embeddings already
        looked up.

        `text` (slots, vector_width) holds frozen vectors; zeros add nothing, for there is no bias.
        """
        named = nn.functional.embedding_bag(
            attributes, self.attributes, begins, mode="mean", include_last_offset=True
        )
        found = ids + heads.sum(1) + named
        return found if self.projection is None else torch.addmm(found, text, self.projection)

    def forward(self, batch: Batch, vectors: Tensor, drop: torch.Generator | None = None) -> Tensor:
        """(rows,) logits; `drop` draws what is dropped in training."""
        candidate = vectors[batch.candidate]
        query = torch.cat([candidate, torch.addmm(self.bias, candidate, self.query)], 1)
        places = (batch.event, batch.kind, batch.row)
        pooled = attend(query, vectors, self.kinds, self.pair, self.out, self.shift, self.slope, places)
        pooled = pooled / lengths(batch.row, len(candidate))
        hidden = torch.cat([batch.dense, candidate, pooled, candidate * pooled], 1)
        for layer, bias, slope in zip(self.layers, self.biases, self.slopes, strict=True):
            hidden = nn.functional.prelu(torch.addmm(bias, hidden, layer), slope)
            hidden = hidden if drop is None else hidden * kept(hidden, self.settings.dropout, drop)
        return hidden @ self.last + self.offset


def lengths(row: Tensor, rows: int) -> Tensor:
    """(rows, 1) square root of each row's number of events: a long history weighs more than a short one,
    but not by its length."""
    return torch.bincount(row, minlength=rows).clamp(min=1).sqrt()[:, None]


def kept(hidden: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Dropout's mask, scaled so that the mean is unchanged."""
    return (torch.rand(hidden.shape, generator=generator) >= share).to(hidden.dtype) / (1.0 - share)
