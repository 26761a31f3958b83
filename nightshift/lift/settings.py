"""What can be set about judging."""

from pydantic import BaseModel, ConfigDict, Field

from nightshift.rankers.lightgbm import LightGBMSettings

METRICS = ("auc", "gauc", "ndcg@10", "logloss")


class LiftSettings(BaseModel):
    """How arms are trained, compared and judged."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    arms: tuple[str, ...] = ("base", "text", "llm", "permuted")
    """Arms to judge, by name (see nightshift.lift.arms); one whose columns are absent is left out."""
    seeds: int = Field(default=5, ge=1)
    """Rankers trained for every arm; their metrics are averaged and their spread is reported."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples of users, and sign flips of the randomization."""
    bootstrap_seed: int = 0
    """Seed of resamples and sign flips, the same for every comparison."""
    ranker: LightGBMSettings = LightGBMSettings()
    """The ranker, the same for every arm."""
