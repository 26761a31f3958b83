"""Epochs, validation, checkpoints: a training run that can be killed anywhere and goes on to the same
weights.

The order of blocks and rows is drawn from (seed, epoch, block) and what is dropped from (seed, step), so a
checkpoint is the weights, the optimizer's moments and how many steps were done.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nightshift.features.history import Floats, Ints
from nightshift.rankers.din.batches import Blocks
from nightshift.rankers.din.checkpoint import Checkpoints
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.din.stepping import Stepper, score

PATIENCE = 2
"""Validation looks without a better log-loss that end training."""
HEARTBEAT = 5.0
"""Seconds between words on the progress."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Examples:
    """Blocks of rows and their labels (rows,)."""

    blocks: Blocks
    labels: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def logits(self, stepper: Stepper) -> NDArray[np.float64]:
        """(rows,) of all blocks."""
        return np.concatenate(
            [score(stepper.network, self.blocks.read(number)) for number in range(len(self.blocks))]
        )


@dataclass
class Run:
    """A training run: what it trains, on what, and how far it is."""

    stepper: Stepper
    train: Examples
    valid: Examples
    settings: DINSettings
    checkpoints: Checkpoints
    tell: Tell
    best_loss: float = float("inf")
    worse: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    _told: float = 0.0

    def finish(self) -> None:
        """Train to the end, from the checkpoint if there is one; leaves the best weights in the network."""
        self._resume()
        for epoch in range(self.settings.epochs):
            for number, (block, rows) in self._batches(epoch):
                if self.worse >= PATIENCE:
                    break
                labels = torch.from_numpy(self.train.labels[rows])
                loss = self.stepper.step(
                    self.train.blocks.read(block), rows - block * self.train.blocks.size, labels
                )
                self._after(epoch, number, loss)
        if self.best:
            self.stepper.network.load_state_dict(self.best)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        sizes = np.diff(np.append(np.arange(0, len(self.train), self.train.blocks.size), len(self.train)))
        return int((-(-sizes // self.settings.batch_rows)).sum())

    def _batches(self, epoch: int) -> Iterator[tuple[int, tuple[int, Ints]]]:
        """(step of the epoch from 1, (block, its rows)) of the steps that are not done yet."""
        done, number = self.stepper.optimizer.steps - epoch * self.steps, 0
        for block in (
            np.random.default_rng([self.stepper.seed, epoch]).permutation(len(self.train.blocks)).tolist()
        ):
            first = block * self.train.blocks.size
            size = min(self.train.blocks.size, len(self.train) - first)
            order = np.random.default_rng([self.stepper.seed, epoch, block]).permutation(size) + first
            for start in range(0, size, self.settings.batch_rows):
                number += 1
                if number > done:
                    yield number, (block, order[start : start + self.settings.batch_rows])

    def _after(self, epoch: int, number: int, loss: float) -> None:
        checks = self.settings.checks_per_epoch
        if number * checks // self.steps > (number - 1) * checks // self.steps and len(self.valid):
            self._look()
            self._say(epoch, number, f"validation log-loss {self.best_loss:.5f} at best")
        if self.stepper.optimizer.steps % self.settings.checkpoint_steps == 0:
            self._save()
        if time.monotonic() - self._told > HEARTBEAT:
            self._say(epoch, number, f"log-loss {loss:.4f}")

    def _say(self, epoch: int, number: int, what: str) -> None:
        self._told = time.monotonic()
        rows = min(number * self.settings.batch_rows, len(self.train))
        self.tell(
            f"din: epoch {epoch + 1} of {self.settings.epochs}, {rows:,} of {len(self.train):,} rows, {what}"
        )

    def _look(self) -> None:
        """Log-loss on the validation rows; the best weights are kept."""
        logits, labels = self.valid.logits(self.stepper), self.valid.labels
        loss = float(np.mean(np.logaddexp(0.0, logits) - labels * logits))
        if loss < self.best_loss:
            self.best_loss, self.worse = loss, 0
            self.best = {name: tensor.clone() for name, tensor in self.stepper.network.state_dict().items()}
        else:
            self.worse += 1

    def _save(self) -> None:
        judged = {
            "judged.loss": torch.tensor(self.best_loss, dtype=torch.float64),
            "judged.worse": torch.tensor(self.worse),
        }
        parts = {
            "network": self.stepper.network.state_dict(),
            "optimizer": self.stepper.optimizer.state(),
            "best": self.best,
        }
        self.checkpoints.save(
            judged
            | {f"{part}.{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
        )

    def _resume(self) -> None:
        found = self.checkpoints.load()
        if not found:
            return
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}, "best": {}, "judged": {}}
        for name, tensor in found.items():
            part, own = name.split(".", 1)
            parts[part][own] = tensor
        self.stepper.network.load_state_dict(parts["network"])
        self.stepper.optimizer.restore(parts["optimizer"])
        self.best, self.best_loss, self.worse = (
            parts["best"],
            float(parts["judged"]["loss"]),
            int(parts["judged"]["worse"]),
        )
        self.tell(f"din: going on after {self.stepper.optimizer.steps:,} steps")
