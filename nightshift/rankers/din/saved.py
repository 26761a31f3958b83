"""A fitted DIN on disk: `features.json` (columns, vocabularies, settings), `weights.npz` (arrays) and
`din.onnx` (the graph).

numpy and polars only. No pickle: arrays are plain, and vocabularies are JSON.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightshift.errors import ModelUnavailable
from nightshift.rankers.din.batches import Inputs
from nightshift.rankers.din.catalogue import REFERENCE, Catalogue
from nightshift.rankers.din.dense import Scaler
from nightshift.rankers.din.settings import DINSettings

FEATURES_FILE, WEIGHTS_FILE, GRAPH_FILE = "features.json", "weights.npz", "din.onnx"

FORM = 2
"""Form of the network. The first had no `shift` in its attention, and is read as one whose shift is zero:
the same network."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Saved:
    """What a fitted DIN is."""

    inputs: Inputs
    settings: DINSettings
    weights: Arrays
    """The network's parameters by name."""
    importances: dict[str, float]

    def write(self, folder: Path) -> None:
        """Write both files."""
        folder.mkdir(parents=True, exist_ok=True)
        about = {
            "ranker": "din",
            "form": FORM,
            "features": list(self.inputs.features),
            "settings": self.settings.model_dump(),
            "tier_views": list(self.inputs.tier_views),
            "importances": self.importances,
            "catalogue": self.inputs.catalogue.about(),
        }
        (folder / FEATURES_FILE).write_text(json.dumps(about, indent=1), encoding="utf-8")
        arrays: dict[str, Any] = self.inputs.scaler.arrays() | self.inputs.catalogue.arrays() | self.weights
        with (folder / WEIGHTS_FILE).open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Back from the files. Raises ModelUnavailable when the folder holds no DIN."""
        for name in (FEATURES_FILE, WEIGHTS_FILE):
            if not (folder / name).exists():
                raise ModelUnavailable(
                    f"no DIN ranker in {folder}: {name} is missing; train one first (lift.rankers: "
                    f"[lightgbm, din])"
                )
        about = json.loads((folder / FEATURES_FILE).read_text(encoding="utf-8"))
        if about["ranker"] != "din":
            raise ModelUnavailable(f"the ranker in {folder} is {about['ranker']!r}, not 'din'")
        if (form := about.get("form", 1)) > FORM:
            raise ModelUnavailable(
                f"the DIN in {folder} has form {form}, this version reads 1 to {FORM}: train again, "
                f"or upgrade"
            )
        with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        settings, features = DINSettings(**about["settings"]), tuple(about["features"])
        catalogue = Catalogue.of(about["catalogue"], arrays)
        inputs = Inputs(
            features,
            Scaler.of(arrays),
            catalogue,
            tuple(about["tier_views"]),
            settings.tiers,
            settings.history_length,
        )
        weights = {
            name: array for name, array in arrays.items() if not name.startswith(("dense_", REFERENCE))
        }
        weights.setdefault("shift", np.zeros((), np.float32))
        return cls(inputs, settings, weights, about["importances"])
