"""The half of the ranker that knows torch: build a network, train it, score with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nightshift.features.history import Floats
from nightshift.rankers.din.batches import Blocks, Inputs
from nightshift.rankers.din.checkpoint import Checkpoints
from nightshift.rankers.din.network import Batch, Network
from nightshift.rankers.din.saved import Arrays
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.din.stepping import Stepper, block_vectors, score
from nightshift.rankers.din.training import Examples, Run


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch, then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    train: tuple[Blocks, Floats],
    valid: tuple[Blocks, Floats],
    settings: DINSettings,
    seed: int,
    checkpoint: tuple[Path | None, str],
    tell: Callable[[str], None],
) -> Network:
    """A network trained on blocks and labels, stopped by others; `checkpoint` is a file and the run's
    fingerprint."""
    with threads(settings.threads):
        network = Network(train[0].inputs, settings, torch.Generator().manual_seed(seed))
        rate = float(train[1].mean()) if len(train[1]) else 0.5
        network.offset.data.fill_(float(np.log((rate + 1e-3) / (1.0 - rate + 1e-3))))
        run = Run(
            Stepper.of(network, settings, seed),
            Examples(*train),
            Examples(*valid),
            settings,
            Checkpoints(*checkpoint),
            tell,
        )
        run.finish()
        run.checkpoints.remove()
    return network


def network_of(inputs: Inputs, settings: DINSettings, weights: Arrays) -> Network:
    """A network with saved weights."""
    network = Network(inputs, settings, torch.Generator().manual_seed(0))
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network


def logits(network: Network, blocks: Blocks, count: int) -> NDArray[np.float64]:
    """(rows,) of all blocks, on so many threads."""
    with threads(count):
        parts = [score(network, blocks.read(number)) for number in range(len(blocks))]
    return np.concatenate([*parts, np.zeros(0)])


def probe(network: Network, blocks: Blocks, count: int, most: int) -> NDArray[np.float64]:
    """(width,) sum over rows of |value x gradient of the logit| for every dense column of the first
    block's rows."""
    if not len(blocks):
        return np.zeros(blocks.inputs.width)
    with threads(count):
        block = blocks.read(0)
        batch = Batch.of(block, np.arange(min(most, len(block))))
        batch.dense.requires_grad_()
        network(batch, block_vectors(network, block)[batch.slots]).sum().backward()
        assert batch.dense.grad is not None
        network.zero_grad(set_to_none=True)
        return np.asarray((batch.dense.grad * batch.dense.detach()).abs().sum(0).double().numpy())
