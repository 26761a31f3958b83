"""What can be set about judging."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from nightshift.days import Day
from nightshift.features.content_spec import ContentSpec
from nightshift.lift.arms import leave_one_out
from nightshift.rankers.din.settings import DINSettings
from nightshift.rankers.lightgbm import LightGBMSettings

METRICS = ("auc", "gauc", "ndcg@10", "logloss")
RankerName = Literal["lightgbm", "din"]


class LiftSettings(BaseModel):
    """How arms are trained, compared and judged."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    arms: tuple[str, ...] = ("base", "text", "llm", "permuted", "template")
    """Arms to judge, by name (see nightshift.lift.arms); one whose columns are absent is left out. Add
    `both` to ask what a model's words add to a ranker that reads the source text already."""
    leave_one_out: bool = False
    """Adds an arm for each part of what `llm` reads (facts, hidden, tags, preferences, and each
    enrichment of your own that has features) that is left out:
    doubles the time of training. Trees only: `din` reads whole views."""
    rankers: tuple[RankerName, ...] = Field(default=("lightgbm",), min_length=1)
    """Rankers that every arm is trained with. `din` needs torch (extra `din`) and some minutes of
    training."""
    seeds: int = Field(default=5, ge=1)
    """Rankers trained for every arm; their metrics are averaged and their spread is reported."""
    trials: int = Field(default=1, ge=1, le=6)
    """Variants of a ranker's settings tried for each arm on the validation rows, the same ones for every
    arm; 1 is no search."""
    resamples: int = Field(default=2000, ge=100)
    """Bootstrap resamples of users, and sign flips of the randomization."""
    bootstrap_seed: int = 0
    """Seed of resamples and sign flips, the same for every comparison."""
    model_trained_until: Day | None = None
    """Last day that the language model's training data knew; adds a slice of the items created later,
    which it cannot have memorized."""
    probe_titles: int = Field(default=0, ge=0)
    """Titles cut in half that the language model is asked to complete, to see whether it knows the
    catalogue by heart; each once a model, within the budget, as table `title_completion`. 0: no such table.
    Changes no other number."""
    report: bool = True
    """Writes `<home>/reports/as_of=<night>/lift.html` (needs the extra `report`; without it, says so and
    goes on)."""
    lightgbm: LightGBMSettings = LightGBMSettings()
    """The trees, the same for every arm."""
    din: DINSettings = DINSettings()
    """The network, the same for every arm."""

    def all_arms(self, spec: ContentSpec | None = None) -> tuple[str, ...]:
        """The arms, with those that leave one part out where they are asked for."""
        return tuple(dict.fromkeys((*self.arms, *(leave_one_out(spec) if self.leave_one_out else ()))))

    def of(self, ranker: RankerName) -> LightGBMSettings | DINSettings:
        """A ranker's own settings."""
        return self.lightgbm if ranker == "lightgbm" else self.din
