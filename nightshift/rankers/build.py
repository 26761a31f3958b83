"""A ranker by its name."""

from collections.abc import Callable
from pathlib import Path

from nightshift.rankers.base import Ranker
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lightgbm import LightGBMRanker, LightGBMSettings


def build_ranker(
    settings: LightGBMSettings | DINSettings,
    checkpoint: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> Ranker:
    """A fresh ranker with these settings. `checkpoint`, a file, lets a killed DIN go on; trees are grown
    in seconds and need none."""
    if isinstance(settings, LightGBMSettings):
        return LightGBMRanker(settings)
    from nightshift.rankers.din.ranker import DINRanker

    return DINRanker(settings, checkpoint, tell)
