"""Adam with decoupled decay (Loshchilov and Hutter, 2019), for whole layers and for the rows of a table
that a batch read.

Row by row is the mini-batch aware regularization of the DIN paper (Zhou et al., KDD 2018, section 5.1): a
step costs what the batch names, and an id decays only when it is read. All state is in plain tensors, so
that a checkpoint is arrays.
"""

import math

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Moments of layers and tables, and the steps that move them."""

    def __init__(
        self,
        layers: list[Tensor],
        tables: dict[str, Tensor],
        rate: float,
        decay: float,
        row_decay: dict[str, float],
    ) -> None:
        self.layers, self.tables = layers, tables
        self.rate, self.decay, self.row_decay = rate, decay, row_decay
        self.steps = 0
        self.first, self.second = (
            [torch.zeros_like(one) for one in layers],
            [torch.zeros_like(one) for one in layers],
        )
        self.first_rows = {name: torch.zeros_like(table) for name, table in tables.items()}
        self.second_rows = {name: torch.zeros_like(table) for name, table in tables.items()}

    @torch.no_grad()
    def step(self, gradients: list[Tensor], rows: dict[str, tuple[Tensor, Tensor]]) -> None:
        """Move the layers by their gradients and tables by (row numbers, gradients of those rows)."""
        self.steps += 1
        self._layers(gradients)
        for name, (places, gradient) in rows.items():
            self._rows(name, places, gradient)

    def _sizes(self) -> tuple[float, float]:
        """Step and root of the second moment's bias correction."""
        return self.rate / (1.0 - BETA1**self.steps), math.sqrt(1.0 - BETA2**self.steps)

    def _layers(self, gradients: list[Tensor]) -> None:
        size, root = self._sizes()
        torch._foreach_mul_(self.layers, 1.0 - self.rate * self.decay)
        torch._foreach_lerp_(self.first, gradients, 1.0 - BETA1)
        torch._foreach_mul_(self.second, BETA2)
        torch._foreach_addcmul_(self.second, gradients, gradients, 1.0 - BETA2)
        below = torch._foreach_sqrt(self.second)
        torch._foreach_div_(below, root)
        torch._foreach_add_(below, EPSILON)
        torch._foreach_addcdiv_(self.layers, self.first, below, -size)

    def _rows(self, name: str, places: Tensor, gradient: Tensor) -> None:
        size, root = self._sizes()
        first = self.first_rows[name].index_select(0, places).lerp_(gradient, 1.0 - BETA1)
        second = (
            self.second_rows[name]
            .index_select(0, places)
            .mul_(BETA2)
            .addcmul_(gradient, gradient, value=1.0 - BETA2)
        )
        self.first_rows[name].index_copy_(0, places, first)
        self.second_rows[name].index_copy_(0, places, second)
        moved = self.tables[name].index_select(0, places).mul_(1.0 - self.rate * self.row_decay[name])
        self.tables[name].index_copy_(
            0, places, moved.addcdiv_(first, (second.sqrt() / root).add_(EPSILON), value=-size)
        )

    def state(self) -> dict[str, Tensor]:
        """Everything a checkpoint needs."""
        numbered = {f"first.{n}": one for n, one in enumerate(self.first)} | {
            f"second.{n}": one for n, one in enumerate(self.second)
        }
        named = {f"first.{name}": one for name, one in self.first_rows.items()}
        named |= {f"second.{name}": one for name, one in self.second_rows.items()}
        return {"steps": torch.tensor(self.steps)} | numbered | named

    def restore(self, state: dict[str, Tensor]) -> None:
        """Back to a saved state."""
        self.steps = int(state["steps"])
        for name, tensor in self.state().items():
            if name != "steps":
                tensor.copy_(state[name])
