"""DIN as a `Ranker`: fit on rows and their histories, predict, save for serving without torch."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from nightshift.errors import ModelUnavailable, TableError
from nightshift.features.history import Floats
from nightshift.rankers.base import Rows
from nightshift.rankers.context import Context
from nightshift.rankers.din.batches import Blocks, Inputs
from nightshift.rankers.din.catalogue import Catalogue
from nightshift.rankers.din.dense import Scaler
from nightshift.rankers.din.saved import FORM, Saved
from nightshift.rankers.din.settings import DINSettings
from nightshift.storage.content_key import canonical, content_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from nightshift.rankers.din.network import Network

MOST_PROBED = 4096
"""Rows on which importances are measured."""


class DINRanker:
    """A network, what it reads of a row, and its settings."""

    name = "din"

    def __init__(
        self,
        settings: DINSettings | None = None,
        checkpoint: Path | None = None,
        tell: "Callable[[str], None] | None" = None,
    ) -> None:
        """`checkpoint` names the file that a killed `fit` goes on from; `tell` hears of the progress."""
        self.settings = settings or DINSettings()
        self.features: tuple[str, ...] = ()
        self.inputs: Inputs | None = None
        self._network: Network | None = None
        self._importances: dict[str, float] = {}
        self._checkpoint, self._tell = checkpoint, tell or (lambda _: None)

    def fit(
        self,
        train: Rows,
        valid: Rows,
        features: tuple[str, ...],
        seed: int = 0,
        context: Context | None = None,
    ) -> Self:
        """Train for at most `epochs`, keeping the weights of the lowest validation log-loss (the last ones
        without validation rows)."""
        context = _needed(context)
        self.features, labels = features, _labels(train)
        self.inputs = inputs_of(train, features, context, self.settings)
        sizes = {"size": self.settings.block_rows, "context": context, "inputs": self.inputs}
        from nightshift.rankers.din.fitting import fit, probe

        kept, watched = Blocks(train, **sizes), Blocks(valid, **sizes)  # type: ignore[arg-type]
        fingerprint = self._fingerprint(kept, labels, seed)
        self._network = fit(
            (kept, labels),
            (watched, _labels(valid)),
            self.settings,
            seed,
            (self._checkpoint, fingerprint),
            self._tell,
        )
        shares = probe(self._network, watched if len(watched) else kept, self.settings.threads, MOST_PROBED)
        self._importances = self._named(shares)
        return self

    def predict(self, rows: Rows, context: Context | None = None) -> NDArray[np.float64]:
        """Probability of a positive label (rows,)."""
        network, inputs = self._fitted()
        from nightshift.rankers.din.fitting import logits

        blocks = Blocks(rows, _needed(context), inputs, self.settings.block_rows)
        return np.asarray(1.0 / (1.0 + np.exp(-logits(network, blocks, self.settings.threads))))

    def importances(self) -> dict[str, float]:
        """Share of the summed |value x gradient| of the dense columns on validation rows; histories and
        embeddings are not among them."""
        self._fitted()
        return self._importances

    def save(self, folder: Path) -> None:
        """Write `features.json`, `weights.npz` and `din.onnx`."""
        network, inputs = self._fitted()
        from nightshift.rankers.din.export import write_graph

        weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        Saved(inputs, self.settings, weights, self._importances).write(folder)
        write_graph(weights, folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The ranker as it was saved. Raises ModelUnavailable when the folder holds none."""
        saved = Saved.read(folder)
        from nightshift.rankers.din.fitting import network_of

        ranker = cls(saved.settings)
        ranker.features, ranker.inputs, ranker._importances = (
            saved.inputs.features,
            saved.inputs,
            saved.importances,
        )
        ranker._network = network_of(saved.inputs, saved.settings, saved.weights)
        return ranker

    def _fingerprint(self, blocks: Blocks, labels: Floats, seed: int) -> str:
        """Names a run: what it is trained on, with which settings and seed."""
        settings = self.settings.model_dump(exclude={"checkpoint_steps"})
        read: list[NDArray[Any]] = [
            blocks.moment,
            labels,
            blocks.inputs.scaler.mean,
            *blocks.inputs.catalogue.arrays().values(),
        ]
        rows = hashlib.sha256(b"".join(array.tobytes() for array in read)).hexdigest()
        about = blocks.inputs.catalogue.about()
        return content_key(
            str(FORM), canonical(settings), canonical(list(self.features)), canonical(about), rows, str(seed)
        )

    def _named(self, shares: NDArray[np.float64]) -> dict[str, float]:
        """Importances of the features from those of the scaled columns; an indicator counts for its
        column."""
        assert self.inputs is not None
        scaler, width = self.inputs.scaler, len(self.features)
        own = shares[:width].copy()
        np.add.at(own, scaler.indicators, shares[width : scaler.width])
        own /= max(float(own.sum()), 1e-12)
        return {self.features[place]: float(own[place]) for place in np.argsort(-own, kind="stable")}

    def _fitted(self) -> "tuple[Network, Inputs]":
        if self._network is None or self.inputs is None:
            raise ModelUnavailable("this ranker was never fitted; call fit or load one")
        return self._network, self.inputs


def inputs_of(train: Rows, features: tuple[str, ...], context: Context, settings: DINSettings) -> Inputs:
    """What a network will read of a row: scales and vocabularies fitted on the training rows and the
    events before the last of them."""
    until = int(train.lazy().select(pl.col("timestamp").max().to_physical()).collect().item() or 0)
    catalogue = Catalogue.fit(context, until, settings)
    views = tuple(context.views(len(context.builder.nights) - 1)) if settings.tiers else ()
    unscaled = Inputs(
        features, Scaler.fit([], len(features)), catalogue, views, settings.tiers, settings.history_length
    )
    return replace(
        unscaled,
        scaler=Scaler.fit(Blocks(train, context, unscaled, settings.block_rows).dense(), len(features)),
    )


def _needed(context: Context | None) -> Context:
    if context is None:
        raise TableError("din reads histories: pass context=Context.of(inputs, settings) to fit and predict")
    return context


def _labels(rows: Rows) -> Floats:
    """(rows,) labels."""
    return rows.lazy().select(pl.col("label").cast(pl.Float32)).collect()["label"].to_numpy()
