"""Where a training run stands, as one file of plain arrays. A checkpoint of other rows or settings is not
read."""

import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from nightshift.storage.durable import rename, sync
from nightshift.storage.sweep import sweep

log = logging.getLogger(__name__)
FINGERPRINT = "fingerprint"


@dataclass(frozen=True)
class Checkpoints:
    """The newest checkpoint of one run."""

    path: Path | None
    """The file; None keeps none."""
    fingerprint: str
    """What the run is about: rows, settings, seed. A file with another one belongs to another run."""

    def save(self, state: dict[str, Tensor]) -> None:
        """Write beside the file, then switch: a kill leaves the older checkpoint whole.

        Two trainings of one night share the file and no other: each writes beside it under a name of its
        own, and reads a whole one.
        """
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        sweep(self.path.parent.glob(f".{self.path.name}.*"))
        partial = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}")
        arrays: dict[str, Any] = {FINGERPRINT: np.array(self.fingerprint)} | {
            name: tensor.numpy() for name, tensor in state.items()
        }
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            sync(partial)
            rename(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)

    def load(self) -> dict[str, Tensor]:
        """The state that was saved, or nothing; a damaged file counts as none and is named in the log."""
        if self.path is None:
            return {}
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                if str(arrays[FINGERPRINT]) != self.fingerprint:
                    return {}
                return {name: torch.from_numpy(arrays[name]) for name in arrays.files if name != FINGERPRINT}
        except FileNotFoundError:  # none yet, or another training of the night has ended meanwhile
            return {}
        except (EOFError, ValueError, KeyError, BadZipFile) as error:
            log.warning("%s is damaged (%s); training begins anew", self.path, error)
            return {}

    def remove(self) -> None:
        """The run is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
