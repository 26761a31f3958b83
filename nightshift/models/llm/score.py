"""One forward pass over rows and the trees of questions after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightshift.models.llm.attention import Prefix
from nightshift.models.llm.decode import causal
from nightshift.models.llm.network import Network
from nightshift.models.llm.tree import Tree

if TYPE_CHECKING:
    import torch

    Tensor = torch.Tensor

Floats = NDArray[np.float32]


def weigh(
    network: Network, trunks: Sequence[Sequence[int]], trees: Sequence[Tree], prefix: Prefix | None
) -> list[tuple[Floats, Floats]]:
    """Log-probabilities (choices,) and stem-end states (questions, width) of each row.

    `trunks` are the rows' own tokens after the prefix. They are left-padded, so that the trunk ends and
    the tree begins at the same column in every row. Each row has a tree of its own, or all have the same;
    smaller trees are padded to the widest.
    """
    states = _states(network, trunks, trees, prefix)
    longest = max(len(trunk) for trunk in trunks)
    summed = _summed(network, states, trees, longest)
    ends = [states[row, [longest + node for node in tree.stem_ends]] for row, tree in enumerate(trees)]
    return [(scores, end.float().cpu().numpy()) for scores, end in zip(summed, ends, strict=True)]


def _summed(network: Network, states: Tensor, trees: Sequence[Tree], longest: int) -> list[Floats]:
    """(choices,) of each row: the log-probabilities along its path, node by node, for as many nodes at a
    time as there are rows."""
    import torch

    edges = {id(tree): tree.edges() for tree in trees}
    starts = np.cumsum([0, *(len(tree.choices) for tree in trees)])
    summed, passed = np.zeros(starts[-1], dtype=np.float32), _passed(trees)
    for first in range(0, len(passed), len(trees)):
        part = passed[first : first + len(trees)]
        columns = [longest + node for _, node in part]
        shares = network.logits(states[[row for row, _ in part], columns]).log_softmax(
            -1
        )  # (part, vocabulary)
        steps = [
            (at, token, starts[row] + place)
            for at, (row, node) in enumerate(part)
            for place, token in edges[id(trees[row])][node]
        ]
        at, tokens, places = (list(each) for each in zip(*steps, strict=True))
        values = shares[torch.tensor(at, device=network.device), torch.tensor(tokens, device=network.device)]
        np.add.at(summed, places, values.cpu().numpy())
    return np.split(summed, starts[1:-1])


def _passed(trees: Sequence[Tree]) -> list[tuple[int, int]]:
    """(row, node) of every node that a choice passes: the first of all rows, then the second of all rows,
    and so on."""
    each = {id(tree): sorted(tree.edges()) for tree in trees}
    pairs = [(turn, row, node) for row, tree in enumerate(trees) for turn, node in enumerate(each[id(tree)])]
    return [(row, node) for _, row, node in sorted(pairs)]


def _states(
    network: Network, trunks: Sequence[Sequence[int]], trees: Sequence[Tree], prefix: Prefix | None
) -> Tensor:
    """Last-layer states (rows, longest trunk + widest tree, width). A node stands in column `longest +
    node`, TRUNK before it."""
    import torch

    device = network.device
    longest, widest = max(len(trunk) for trunk in trunks), max(len(tree.tokens) for tree in trees)
    starts = torch.tensor([longest - len(trunk) for trunk in trunks], device=device)
    tokens = {id(tree): _padded(tree.tokens, widest, 0) for tree in trees}
    depths = {id(tree): _padded(tree.depths(), widest, 1) for tree in trees}
    lines = [[0] * (longest - len(trunk)) + list(trunk) for trunk in trunks]
    ids = torch.tensor(
        [line + tokens[id(tree)] for line, tree in zip(lines, trees, strict=True)], device=device
    )
    deep = torch.tensor(
        [depths[id(tree)] for tree in trees], dtype=torch.long, device=device
    )  # (rows, nodes)
    columns = torch.arange(longest, device=device)
    line = (columns[None] - starts[:, None]).clamp(min=0)
    positions = torch.cat([line, (longest - 1 - starts)[:, None] + deep], 1) + (
        len(prefix.tokens) if prefix else 0
    )
    allowed = torch.zeros(len(trunks), longest + widest, longest + widest, dtype=torch.bool, device=device)
    allowed[:, :longest, :longest] = causal(columns, starts)
    allowed[:, longest:, :longest] = (columns[None] >= starts[:, None])[:, None]
    allowed[:, longest:, longest:] = torch.from_numpy(_ancestors(trees, widest)).to(device)
    return network.forward(ids, positions, network.bias(allowed)[:, None], prefix, None)


def _padded(values: list[int], length: int, padding: int) -> list[int]:
    return values + [padding] * (length - len(values))


def _ancestors(trees: Sequence[Tree], widest: int) -> NDArray[np.bool_]:
    """(rows, nodes, nodes), or (1, nodes, nodes) where all rows have one tree. A padding node sees the
    trunk and itself."""
    distinct = {id(tree): tree for tree in trees}
    seen = np.eye(widest, dtype=np.bool_)[None].repeat(len(distinct), 0)  # (trees, nodes, nodes)
    for place, tree in enumerate(distinct.values()):
        seen[place, : len(tree.tokens), : len(tree.tokens)] = tree.ancestors()
    places = {name: place for place, name in enumerate(distinct)}
    return seen if len(distinct) == 1 else seen[[places[id(tree)] for tree in trees]]
