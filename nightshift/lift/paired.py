"""One metric of one arm in the form that users are resampled in, and its difference to another arm's."""

from dataclasses import dataclass

import numpy as np

from nightshift.lift.inference import POWER, Concordance, Draws, Judgement, judge_auc, judge_ratio
from nightshift.lift.metrics import Doubles, Sums


@dataclass(frozen=True)
class Form:
    """A metric's value for every seed, and the seed-averaged form that is resampled."""

    values: Doubles
    resampled: Concordance | Sums

    @classmethod
    def of_auc(cls, one: Concordance) -> "Form":
        """AUC of all seeds."""
        seeds = [
            Concordance(one.label, one.scores[[seed]], one.user, one.users) for seed in range(len(one.scores))
        ]
        values = [float(seed.shares.sum() / seed.total) if seed.total else float("nan") for seed in seeds]
        return cls(np.array(values), one)

    @classmethod
    def of_sums(cls, sums: list[Sums]) -> "Form":
        """A ratio metric, one Sums a seed."""
        mean = Sums(np.mean([each.numerator for each in sums], axis=0), sums[0].denominator)
        return cls(np.array([each.value for each in sums]), mean)

    def against(self, other: "Form", draws: Draws, dealt: bool = False) -> dict[str, float | None]:
        """The columns of `lift` that compare two arms. An arm without seeds of its own is compared with
        each of the other's.

        `dealt` says that one of them is the placebo, whose dealings are chance as well.
        """
        seeds = self.values - other.values
        verdict = self._judged(other, draws, draws.luck(seeds) if dealt else 0.0)
        spread = seeds.std(ddof=1) if len(seeds) > 1 else float("nan")
        return {
            "value": known(self.values.mean()),
            "difference": known(verdict.difference),
            "ci_low": known(verdict.low),
            "ci_high": known(verdict.high),
            "p_value": known(verdict.p_value),
            "detectable": known(POWER * verdict.error),
            "seed_sd": known(spread),
        }

    def _judged(self, other: "Form", draws: Draws, luck: Doubles | float) -> Judgement:
        if isinstance(self.resampled, Concordance) and isinstance(other.resampled, Concordance):
            return judge_auc(self.resampled, other.resampled, draws, luck)
        assert isinstance(self.resampled, Sums)
        assert isinstance(other.resampled, Sums)
        return judge_ratio(self.resampled, other.resampled, draws, luck)


def compared(forms: dict[str, Form], arm: str, against: str, draws: Draws) -> dict[str, float | None]:
    """The columns of `lift` that compare two of the arms."""
    return forms[arm].against(forms[against], draws, "permuted" in (arm, against))


def known(value: float | np.floating) -> float | None:
    """NaN as null: a slice that supports no number has none."""
    return float(value) if np.isfinite(value) else None
