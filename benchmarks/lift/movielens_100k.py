"""MovieLens-100K: what a small local model reads and writes of the films' titles and genres, and the
sceptic's attacks.

One night, 1997-10-08, after 9,942 ratings that are history only; cuts at 60% and 80% of all ratings.
SmolLM2-135M scores the vocabulary, shows its states and writes a sentence for every film: some minutes on
two cores, once, for `--home` keeps them. With `--recorded FILE` the answers are those of another model
(item_id and answer, from `python -m benchmarks.lift.write`) and there are no scores. 301 test users
resolve no difference in AUC under 0.0017, and models know these films by heart: a smoke test, not
evidence.

Users' gender, age and occupation, from the data set's own file, tell whether the gain serves them alike.

python -m benchmarks.lift.movielens_100k
"""

from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.lift.attacks import peek, starve
from benchmarks.lift.content import night_of, recorded_by, written_by
from benchmarks.lift.options import parser
from benchmarks.lift.page import Judged
from benchmarks.lift.telling import ARMS
from nightshift.features.examples import ExampleInputs, build_examples
from nightshift.features.settings import ExampleSettings, FeatureSettings
from nightshift.lift.settings import LiftSettings
from nightshift.sources.datasets.movielens import load, load_users

FIRST = date(1997, 10, 8)
SMALL: dict[str, Any] = {"backend": "transformers", "model": "smollm2-135m-instruct"}


def main() -> None:
    """Write, build, judge, print; then attack."""
    asked = parser(__doc__, seeds=5)
    asked.add_argument(
        "--recorded", type=Path, help="sentences of another model: Parquet with item_id and answer"
    )
    asked.add_argument("--model", default="qwen2.5-coder-1.5b-instruct@cc324af0", help="who wrote them")
    asked.add_argument("--form", choices=("line", "json"), default="json", help="the form of their prompt")
    asked.add_argument("--din", action="store_true", help="judge every arm with DIN too (some minutes more)")
    given = asked.parse_args()
    data = load("ml-100k", given.cache)
    llm = recorded_by(given.model, given.recorded, "item_id", "answer") if given.recorded else SMALL
    name, form = ("movielens_100k_recorded", given.form) if given.recorded else ("movielens_100k", "line")
    night = night_of(data.mapping, FIRST, given.home / name, given.cache, llm, form)
    snapshot = written_by(
        night, data.items, data.interactions.filter(data.interactions["timestamp"] < night.moment)
    )
    inputs = ExampleInputs(data.items, data.interactions, {FIRST: snapshot})
    settings = ExampleSettings(features=FeatureSettings(families=("base", "text", "llm", "permuted")))
    builder = inputs.builder(settings)
    examples = build_examples(inputs, settings, builder)
    lift = LiftSettings(arms=ARMS, seeds=given.seeds, resamples=given.resamples)
    both = lift.model_copy(update={"rankers": ("lightgbm", "din")})
    Judged(night, inputs, settings, builder, examples, load_users(given.cache)).tell(
        "lift.movielens_100k", both if given.din else lift
    )
    starve(examples, lift)
    peek(inputs, settings, lift)


if __name__ == "__main__":
    main()
