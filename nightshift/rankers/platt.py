"""Scores as probabilities: one slope and one offset, fitted by Newton's method (Platt, 1999)."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

STEPS = 25
RIDGE = 1e-6
LEAST_SLOPE = 1e-6
"""A slope is kept positive, so that calibrating never turns an order round."""


def probability(score: Doubles, platt: tuple[float, float]) -> Doubles:
    """1 / (1 + exp(-(slope x score + offset)))."""
    return np.asarray(1.0 / (1.0 + np.exp(-(platt[0] * score + platt[1]))))


def fit_platt(score: Doubles, label: Doubles) -> tuple[float, float]:
    """(slope, offset) of the lowest log-loss; (1, 0) for labels of one kind."""
    if len(label) < 2 or label.min() == label.max():
        return 1.0, 0.0
    centre, spread = float(score.mean()), float(score.std()) or 1.0
    matrix = np.stack([(score - centre) / spread, np.ones_like(score)], axis=1)
    weights = np.array([0.0, np.log(label.mean() / (1.0 - label.mean()))])
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-matrix @ weights))
        curvature = matrix.T @ (matrix * (chance * (1.0 - chance))[:, None]) + RIDGE * np.eye(2)
        weights = weights - np.linalg.solve(curvature, matrix.T @ (chance - label) + RIDGE * weights)
    slope = max(float(weights[0]) / spread, LEAST_SLOPE)
    return slope, float(weights[1]) - slope * centre
