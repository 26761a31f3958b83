"""One training step, and scores of a block: where batches meet the network."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nightshift.features.history import Ints
from nightshift.rankers.din.adam import Adam
from nightshift.rankers.din.batches import Block
from nightshift.rankers.din.network import Batch, Network
from nightshift.rankers.din.settings import DINSettings

TABLES = ("ids", "heads")
"""Parameters that are moved row by row."""


@dataclass(frozen=True)
class Looked:
    """Distinct rows of the tables that some slots read, where each slot's are among them, and the slots'
    attributes and text vectors."""

    ids: Ints
    id_places: Tensor
    heads: Ints
    head_places: Tensor
    attributes: Tensor
    begins: Tensor
    text: Tensor

    @classmethod
    def of(cls, block: Block, slots: Ints, without_id: NDArray[np.bool_] | None = None) -> Self:
        """For some slots of a block; those in `without_id` (slots,) read the unknown id."""
        ids = block.slots.id[slots]
        ids, id_places = np.unique(
            ids if without_id is None else np.where(without_id, 0, ids), return_inverse=True
        )
        heads, head_places = np.unique(block.slots.heads[slots], return_inverse=True)
        begins = block.slots.begins
        counts = begins[slots + 1] - begins[slots]
        starts = np.concatenate([[0], np.cumsum(counts)])
        place = np.arange(starts[-1]) - np.repeat(starts[:-1] - begins[slots], counts)
        head_places = head_places.reshape(len(slots), -1)
        arrays = (head_places, block.slots.attributes[place], starts, block.slots.vectors[slots])
        return cls(ids, torch.from_numpy(id_places), heads, *(torch.from_numpy(array) for array in arrays))

    def vectors(self, network: Network, ids: Tensor, heads: Tensor) -> Tensor:
        """(slots, d) from the distinct rows' embeddings."""
        return network.vectors(
            ids[self.id_places], heads[self.head_places], self.attributes, self.begins, self.text
        )


@dataclass(frozen=True)
class Stepper:
    """The network, its optimizer, and the seed that drops."""

    network: Network
    optimizer: Adam
    settings: DINSettings
    seed: int

    @classmethod
    def of(cls, network: Network, settings: DINSettings, seed: int) -> Self:
        """A fresh optimizer for a network."""
        layers = [parameter for name, parameter in network.named_parameters() if name not in TABLES]
        tables: dict[str, Tensor] = {name: getattr(network, name) for name in TABLES}
        decays = {"ids": settings.embedding_decay, "heads": settings.decay}
        return cls(
            network,
            Adam(list(layers), tables, settings.learning_rate, settings.decay, decays),
            settings,
            seed,
        )

    def step(self, block: Block, rows: Ints, labels: Tensor) -> float:
        """One step on some rows of a block; the loss before it. What is dropped depends on the seed and
        the step's number only."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.optimizer.steps)
        batch = Batch.of(block, rows)
        dropped = torch.rand(len(batch.slots), generator=generator) < self.settings.id_dropout
        looked = Looked.of(block, batch.slots.numpy(), dropped.numpy())
        places = {"ids": torch.from_numpy(looked.ids), "heads": torch.from_numpy(looked.heads)}
        read = {name: getattr(self.network, name).detach()[places[name]].requires_grad_() for name in TABLES}
        logits = self.network(batch, looked.vectors(self.network, read["ids"], read["heads"]), generator)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        wanted = [*self.optimizer.layers, *read.values()]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        gradients = [
            torch.zeros_like(one) if gradient is None else gradient
            for one, gradient in zip(wanted, found, strict=True)
        ]
        count = len(self.optimizer.layers)
        self.optimizer.step(
            gradients[:count], {name: (places[name], gradients[count + n]) for n, name in enumerate(TABLES)}
        )
        return float(loss.detach())


@torch.no_grad()
def block_vectors(network: Network, block: Block) -> Tensor:
    """(slots, d) vectors of all slots of a block."""
    looked = Looked.of(block, np.arange(len(block.slots)))
    return looked.vectors(
        network, network.ids[torch.from_numpy(looked.ids)], network.heads[torch.from_numpy(looked.heads)]
    )


@torch.no_grad()
def score(network: Network, block: Block, batch_rows: int = 4096) -> NDArray[np.float64]:
    """(rows,) logits of a block."""
    vectors = block_vectors(network, block)
    parts = [
        np.arange(start, min(start + batch_rows, len(block))) for start in range(0, len(block), batch_rows)
    ]
    batches = [Batch.of(block, part) for part in parts]
    logits = [network(batch, vectors[batch.slots]).double().numpy() for batch in batches]
    return np.concatenate([*logits, np.zeros(0)])
