"""LightGBM's trees at serving."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving.forest import Forest, forest_of
from nightshift.serving.night import ServedNight
from nightshift.serving.request import Request, families_of


class Trees:
    """A saved LightGBM ranker, its trees run by onnxruntime where that agrees."""

    codes = False

    def __init__(self, model: LightGBMRanker, compiled: bool = False) -> None:
        forest = forest_of(model) if compiled else None
        self.model, self.reads, self.engine = model, model.features, "onnxruntime" if forest else "lightgbm"
        self._families = families_of(model.features)
        self._predict: Forest = forest or model.predict_matrix

    def read(self, night: ServedNight) -> None:
        """Trees read columns only."""

    def chances(self, request: Request) -> NDArray[np.float64]:
        """Probabilities (rows,) in the order of the candidates.

        Trees are walked row by row: like rows beside each other take the same branches, which a processor
        foresees. Rows go in by their click rate (a tenth of the time of 308 trees saved), and come back in
        their own order.
        """
        seen = request.live.tallies[request.item, :2]
        order = np.argsort(seen[:, 1] / (seen[:, 0] + 10.0))
        chance = np.empty(len(order))
        chance[order] = self._predict(
            replace(request, item=request.item[order]).matrix(self.model.features, self._families)
        )
        return chance
