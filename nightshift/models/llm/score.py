"""One forward pass over rows and the tree of questions after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightshift.models.llm.attention import Prefix
from nightshift.models.llm.decode import causal
from nightshift.models.llm.network import Network
from nightshift.models.llm.tree import TRUNK, Tree

if TYPE_CHECKING:
    import torch

    Tensor = torch.Tensor

Floats = NDArray[np.float32]


def weigh(
    network: Network, trunks: Sequence[Sequence[int]], tree: Tree, prefix: Prefix | None
) -> tuple[Floats, Floats]:
    """Log-probabilities (rows, choices) and stem-end states (rows, questions, width).

    `trunks` are the rows' own tokens after the prefix. They are left-padded, so that the trunk ends and
    the tree begins at the same column in every row.
    """
    import torch

    states = _states(network, trunks, tree, prefix)
    longest = max(len(trunk) for trunk in trunks)
    column = {node: longest - 1 if node == TRUNK else longest + node for node in tree.needed}
    summed = np.zeros((len(trunks), len(tree.choices)), dtype=np.float32)
    for node in tree.needed:
        places, tokens = _edges(tree, node)
        if not places:
            continue
        log_probabilities = network.logits(states[:, column[node]]).log_softmax(-1)
        found = log_probabilities[:, torch.tensor(tokens, device=network.device)].cpu().numpy()
        summed[:, places] += found  # a choice passes a node once
    ends = states[:, [column[node] for node in tree.stem_ends]]
    return summed, ends.float().cpu().numpy()


def _edges(tree: Tree, node: int) -> tuple[list[int], list[int]]:
    """Choices that pass a node, and the token each takes there."""
    pairs = [
        (place, token)
        for place, choice in enumerate(tree.choices)
        for parent, token in choice
        if parent == node
    ]
    return [place for place, _ in pairs], [token for _, token in pairs]


def _states(network: Network, trunks: Sequence[Sequence[int]], tree: Tree, prefix: Prefix | None) -> Tensor:
    import torch

    device = network.device
    longest, nodes = max(len(trunk) for trunk in trunks), len(tree.tokens)
    starts = torch.tensor([longest - len(trunk) for trunk in trunks], device=device)
    ids = torch.tensor(
        [[0] * (longest - len(trunk)) + list(trunk) + tree.tokens for trunk in trunks], device=device
    )
    columns = torch.arange(longest, device=device)
    line = (columns[None] - starts[:, None]).clamp(min=0)
    branch = (longest - 1 - starts)[:, None] + torch.tensor(tree.depths(), dtype=torch.long, device=device)[
        None
    ]
    positions = torch.cat([line, branch], 1) + (len(prefix.tokens) if prefix else 0)
    allowed = torch.zeros(len(trunks), longest + nodes, longest + nodes, dtype=torch.bool, device=device)
    allowed[:, :longest, :longest] = causal(columns, starts)
    allowed[:, longest:, :longest] = (columns[None] >= starts[:, None])[:, None]
    allowed[:, longest:, longest:] = torch.from_numpy(tree.ancestors()).to(device)
    return network.forward(ids, positions, network.bias(allowed)[:, None], prefix, None)
