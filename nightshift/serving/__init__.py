"""Rank without a language model: a night's features, memory-mapped, and the ranker that was trained on them.

    ranker = Ranker.load(".nightshift")
    ranked = ranker.rank("655", ["50", "181", "258"], now)
    ranker.features.refresh()                                # from a timer: the newest whole night,
    between two requests

Needs NumPy, SciPy, polars, pydantic, and LightGBM or onnxruntime (`ranker="din"`); nothing here loads or
calls a model of language or text.
"""

from nightshift.serving.features import Added, Features
from nightshift.serving.ranker import Ranked, Ranker

__all__ = ["Added", "Features", "Ranked", "Ranker"]
