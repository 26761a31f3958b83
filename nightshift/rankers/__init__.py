"""Conventional rankers behind one protocol: fit, predict, save, load. None knows a language model."""

from nightshift.rankers.base import Ranker
from nightshift.rankers.lightgbm import LightGBMRanker, LightGBMSettings

__all__ = ["LightGBMRanker", "LightGBMSettings", "Ranker"]
