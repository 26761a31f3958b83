"""Target attention of DIN (Zhou et al., KDD 2018) over valid events only, in one hand-written step.

The unit scores event k for candidate q as w . prelu(W [q; k; q-k; q*k] + b) + c, without a softmax, and
sums the events by their scores; c alone would be the history's plain sum. Two things make it quick on a
CPU. The first layer splits: W[q;k;q-k;q*k] = q(Wq+Wd) + k(Wk-Wd) + (q*k)Wp, so the candidate's share is
computed once a row and only 2d of 4d inputs meet an event. And events lie one after the other without
padding, in chunks that stay in the cache, forward and backward; the backward pass needs matrix products
and the cheap half of a ReLU, where the generic one walks over boolean masks.
"""

from typing import Any

import torch
from torch import Tensor

CHUNK = 2048
"""Events at a time: 2048 x 64 float32 is half a megabyte."""


def _chunks(events: int) -> list[slice]:
    return [slice(start, min(start + CHUNK, events)) for start in range(0, events, CHUNK)]


class Attend(torch.autograd.Function):
    """Sum of each row's events weighed by their scores: (rows, d). See `attend`."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        table: Tensor,
        kinds: Tensor,
        layer: Tensor,
        out: Tensor,
        shift: Tensor,
        slope: Tensor,
        *places: Tensor,
    ) -> Tensor:
        """`query` (rows, d + units): candidate vector and its share of the first layer."""
        event, kind, row = places
        width = table.shape[1]
        scores = query.new_empty(len(event))
        pooled, kept = query.new_zeros(len(query), width), query.new_empty(len(event), layer.shape[1])
        for span in _chunks(len(event)):
            key = table.index_select(0, event[span]).add_(kinds.index_select(0, kind[span]))
            asked = query.index_select(0, row[span])
            pair = torch.cat([asked[:, :width] * key, key], 1)
            hidden = torch.addmm(asked[:, width:], pair, layer, out=kept[span])
            torch.mv(torch.ops.aten._prelu_kernel(hidden, slope), out, out=scores[span]).add_(shift)
            pooled.index_add_(0, row[span], key.mul_(scores[span, None]))
        ctx.save_for_backward(query, table, kinds, layer, out, slope, scores, kept, *places)
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Chunk by chunk, from the hidden layer that `forward` kept."""
        query, table, kinds, layer, out, slope, scores, kept, event, kind, row = ctx.saved_tensors
        width = table.shape[1]
        around = torch.cat([query[:, :width], gradients[0]], 1)
        to_query, to_table, to_kinds, to_layer = (
            torch.zeros_like(one) for one in (query, table, kinds, layer)
        )
        whole, negative, to_shift = torch.zeros_like(out), torch.zeros_like(out), out.new_zeros(())
        flat = out * slope
        for span in _chunks(len(event)):
            key = table.index_select(0, event[span]).add_(kinds.index_select(0, kind[span]))
            candidate, above = torch.split(around.index_select(0, row[span]), width, 1)
            pair = torch.cat([candidate * key, key], 1)
            hidden = kept[span]
            to_score = torch.linalg.vecdot(above, key)
            to_shift += to_score.sum()
            whole.addmv_(hidden.t(), to_score)
            negative.addmv_(hidden.clamp(max=0).t(), to_score)
            # d score / d hidden is `out` where hidden > 0 and `out * slope` elsewhere
            to_hidden = torch.ops.aten.threshold_backward(torch.outer(to_score, out - flat), hidden, 0).addr_(
                to_score, flat
            )
            to_layer.addmm_(pair.t(), to_hidden)
            to_pair = to_hidden @ layer.t()
            to_query.index_add_(0, row[span], torch.cat([to_pair[:, :width] * key, to_hidden], 1))
            to_key = (
                to_pair[:, width:].addcmul_(to_pair[:, :width], candidate).addcmul_(above, scores[span, None])
            )
            to_table.index_add_(0, event[span], to_key)
            to_kinds.index_add_(0, kind[span], to_key)
        return (
            to_query,
            to_table,
            to_kinds,
            to_layer,
            whole - (1 - slope) * negative,
            to_shift,
            negative * out,
            None,
            None,
            None,
        )


def attend(
    query: Tensor,
    table: Tensor,
    kinds: Tensor,
    layer: Tensor,
    out: Tensor,
    shift: Tensor,
    slope: Tensor,
    places: tuple[Tensor, ...],
) -> Tensor:
    """Attention-weighted sums (rows, d) of events.

    `query` (rows, d + units): candidate vectors beside their share of the first layer, bias included.
    `table` (slots, d) and `kinds` (kinds, d): an event's key is the sum of its slot's and its kind's
    vector. `layer` (2d, units): weights of q*k above those of k. `out`, `slope` (units,), `shift` ().
    `places`: slot, kind and row of every event, rows ascending.
    """
    return Attend.apply(query, table, kinds, layer, out, shift, slope, *places)  # type: ignore[no-any-return,no-untyped-call]
