"""What semantic ids are worth as ids: how often they collide, how evenly they are used, how stable a refit
is."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from nightshift.features.codes import Codes


def collisions(codes: Codes) -> float:
    """Share of the items whose whole path is also another item's; 0 for no items."""
    if not len(codes):
        return 0.0
    _, inverse, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return float((counts[inverse.ravel()] > 1).mean())


def entropy(codes: Codes, level: int = 0) -> float:
    """Bits of a level's code over the items: log2 of the level's size when all codes are used alike, 0
    when one is."""
    counts = np.unique(codes[:, level], return_counts=True)[1]
    shares = counts / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def stability(codes: Codes, refitted: Codes, level: int = 0) -> float:
    """Share of the items that keep their code of a level when the refit's codes are renamed as well as
    possible (0 to 1).

    The best one-to-one renaming is an assignment problem (Kuhn, 1955). Items of both are the same, in the
    same order.
    """
    if not len(codes):
        return 1.0
    table = np.zeros((int(codes[:, level].max()) + 1, int(refitted[:, level].max()) + 1))
    np.add.at(table, (codes[:, level], refitted[:, level]), 1.0)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(codes))
