"""DIN with frozen text vectors (`lift.din.text_vectors`) against DIN without, arm by arm, on MovieLens-100K.

The night, rows and cuts of `benchmarks.lift.movielens_100k`, whose home it shares: what that command wrote
is not asked again. An arm's vectors are those of its own views, so the placebo has dealt ones; `base` has
none and is left out. Only the setting differs between the two rankers of an arm: same columns, seeds,
batches and stop on the validation rows.

python -m benchmarks.lift.din_text_vectors
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from benchmarks.lift.content import night_of, written_by
from benchmarks.lift.movielens_100k import FIRST, SMALL
from benchmarks.lift.options import parser
from benchmarks.lift.telling import say, shown
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.arms import pooled
from nightshift.lift.inference import Concordance, Draws
from nightshift.lift.metrics import Doubles
from nightshift.lift.paired import Form
from nightshift.lift.settings import LiftSettings
from nightshift.lift.slices import WHOLE, masks_of
from nightshift.lift.training import train_arms
from nightshift.rankers.context import Context
from nightshift.sources.datasets.movielens import load

ARMS = ("text", "llm", "both", "permuted")
TOLD = (WHOLE, "tail items (bottom 60%)", "cold items (under 5 events)")
SETTINGS = ExampleSettings(features=FeatureSettings(families=("base", "text", "llm", "permuted")))


@dataclass(frozen=True)
class Rows:
    """The rows, what histories and views are read from, and how they are judged."""

    examples: pl.DataFrame
    context: Context
    lift: LiftSettings

    def scores(self, text_vectors: bool) -> pl.DataFrame:
        """`ranking_scores` of every arm and seed with the setting on or off."""
        din = self.lift.din.model_copy(update={"text_vectors": text_vectors})
        return train_arms(self.examples, self.lift.model_copy(update={"din": din}), say, self.context).scores

    def tell(self, kept: dict[bool, pl.DataFrame]) -> None:
        """A line for each arm and slice: AUC with the vectors, and the difference to AUC without them."""
        test = self.examples.filter(pl.col("split") == "test")
        masks = {name: mask for name, mask in masks_of(self.examples).items() if name in TOLD}
        for arm in ARMS:
            found = {on: of_arm(scores, arm, test) for on, scores in kept.items()}
            dealings = sum(pooled(name) == arm for name in kept[True]["arm"].unique())
            for name, mask in masks.items():
                print(f"{arm} | {name}: {self._judged(test, found, mask, dealings)}", flush=True)

    def _judged(self, test: pl.DataFrame, found: dict[bool, Doubles], mask: np.ndarray, dealings: int) -> str:
        label = test["label"].cast(pl.Float64).to_numpy()[mask]
        names, user = np.unique(test["user_id"].to_numpy()[mask], return_inverse=True)
        forms = {
            on: Form.of_auc(Concordance(label, scores[:, mask], user.astype(np.int64), len(names)))
            for on, scores in found.items()
        }
        draws = Draws(self.lift.bootstrap_seed, self.lift.resamples, dealings)
        row = forms[True].against(forms[False], draws, dealings > 1)
        spread = "" if row["seed_sd"] is None else f", standard deviation over seeds {row['seed_sd']:.4f}"
        return f"with {row['value']:.4f}, with - without {shown(row)}{spread}"


def of_arm(scores: pl.DataFrame, arm: str, test: pl.DataFrame) -> Doubles:
    """(seeds, test rows); the dealings of the placebo are one arm."""
    own = scores.filter(pl.col("arm").map_elements(pooled, pl.String) == arm)
    key = ["user_id", "item_id", "timestamp"]
    parts = own.partition_by("seed", maintain_order=True)
    return np.stack(
        [
            test.select(key).join(part, on=key, how="left", maintain_order="left")["score"].to_numpy()
            for part in parts
        ]
    )


def main() -> None:
    """Write, build, train every arm twice, compare."""
    given = parser(__doc__, seeds=5).parse_args()
    data = load("ml-100k", given.cache)
    night = night_of(data.mapping, FIRST, given.home / "movielens_100k", given.cache, SMALL, "line")
    snapshot = written_by(
        night, data.items, data.interactions.filter(data.interactions["timestamp"] < night.moment)
    )
    inputs = ExampleInputs(data.items, data.interactions, {FIRST: snapshot})
    lift = LiftSettings(arms=ARMS, seeds=given.seeds, resamples=given.resamples, rankers=("din",))
    rows = Rows(build_examples(inputs, SETTINGS), Context.of(inputs, SETTINGS), lift)
    rows.tell({on: rows.scores(on) for on in (True, False)})


if __name__ == "__main__":
    main()
