"""A saved ranker with the features it was trained on: candidates in, probabilities out, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nightshift.errors import ConfigError, ModelUnavailable
from nightshift.features.rows import Columns
from nightshift.history import Floats, Ints
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving.columns import FAMILIES, candidate_columns
from nightshift.serving.features import Features
from nightshift.serving.forest import Forest, forest_of
from nightshift.serving.live import History, Live
from nightshift.serving.recipe import load_recipe, saved_rankers


@dataclass(frozen=True)
class Ranked:
    """Candidates best first, arrays (n,) in the same order."""

    items: tuple[str, ...]
    probabilities: NDArray[np.float64]
    """Probability of a positive label."""
    known: NDArray[np.bool_]
    """False for items that the night's catalogue lacks: scored like an item without text, attributes and events."""
    user_known: bool
    """False for a user without a single event: scored by what is known of the items alone."""
    as_of: date
    """The night whose features were used."""


class Ranker:
    """A saved LightGBM ranker and the features it reads. `engine` says what runs its trees."""

    def __init__(self, model: LightGBMRanker, features: Features, as_of: date, forest: Forest | None = None) -> None:
        self.features, self.as_of, self.model = features, as_of, model
        self._predict: Forest = forest or model.predict_matrix
        self.engine = "onnxruntime" if forest else "lightgbm"
        self._families = tuple(dict.fromkeys(name.split("__", 1)[0] for name in model.features))
        foreign = [name for name in self._families if name not in FAMILIES]
        if foreign:
            raise ConfigError(f"the ranker reads columns of family {foreign[0]!r}; served are {', '.join(FAMILIES)}")
        unserved = [name for name in model.features if name.startswith("base__from_")]
        if unserved:
            raise ConfigError(
                f"the ranker reads {unserved[0]!r}, a score of the candidate stage, which serving does not compute; "
                "set examples.candidates.score_columns to false and train again"
            )

    @classmethod
    def load(
        cls, home: Path | str, arm: str = "llm", as_of: date | None = None, features: Features | None = None, compiled: bool = True
    ) -> "Ranker":
        """The newest saved ranker of an arm (or that of `as_of`), with `features`, or with the home's newest whole night.

        `compiled`: run the trees with onnxruntime where it is installed and agrees with LightGBM (`nightshift.serving.forest`);
        changes speed only. Raises ModelUnavailable when the arm has no ranker, ConfigError when `features` were opened with
        other settings or the ranker reads columns that are not served.
        """
        folder = _folder(Path(home), f"{LightGBMRanker.name}-{arm}", as_of)
        recipe = load_recipe(folder)
        features = features or Features.open(home, recipe)
        if features.settings != recipe:
            raise ConfigError(f"{folder} was trained on features of other settings than these; open them with Ranker.load(home).features")
        model = LightGBMRanker.load(folder)
        trained = date.fromisoformat(folder.name.removeprefix("as_of="))
        return cls(model, features, trained, forest_of(model) if compiled else None)

    def rank(self, user: str, candidates: Sequence[str], now: datetime | None = None) -> Ranked:
        """Score candidates for a user at a moment (default: this one; before the night it counts as the night's 00:00 UTC).

        Never raises for what it does not know: unknown users and items are scored with what there is, and marked. A
        repeated candidate is returned once. Equal scores keep the order of the candidates.
        """
        live, moment = self.features.at(now)
        items = tuple(dict.fromkeys(candidates))
        number, history = live.night.items.of(items), live.user(user)
        chance = self._chances(live, user, history, number, moment)
        order = np.argsort(-chance, kind="stable")
        known = number[order] < len(live.night.items)
        return Ranked(tuple([items[place] for place in order.tolist()]), chance[order], known, len(history[0]) > 0, live.night.as_of)

    def _chances(self, live: Live, user: str, history: History, number: Ints, moment: int) -> NDArray[np.float64]:
        """Probabilities (rows,) in the order of the candidates.

        Trees are walked row by row: like rows beside each other take the same branches, which a processor foresees. Rows go
        in by their click rate (a tenth of the time of 308 trees saved), and come back in their own order.
        """
        if not len(number):
            return np.zeros(0)
        seen = live.tallies[number, :2]
        order = np.argsort(seen[:, 1] / (seen[:, 0] + 10.0))
        columns = candidate_columns(live, user, history, number[order], moment, self._families)
        chance = np.empty(len(number))
        chance[order] = self._predict(self._matrix(columns, len(number)))
        return chance

    def _matrix(self, columns: Columns, rows: int) -> Floats:
        """(rows, features) in the ranker's order; NaN for what the night does not have."""
        by_feature = np.full((len(self.model.features), rows), np.nan, np.float32)
        for place, name in enumerate(self.model.features):
            if name in columns:
                by_feature[place] = columns[name]
        return np.ascontiguousarray(by_feature.T)


def _folder(home: Path, name: str, as_of: date | None) -> Path:
    """The folder of a saved ranker."""
    saved = saved_rankers(home, name)
    if as_of is not None and as_of in saved:
        return saved[as_of]
    if saved and as_of is None:
        return saved[max(saved)]
    there = sorted(path.name for path in (home / "models").glob("*-*/"))
    wanted = f"{name} of {as_of}" if as_of else name
    raise ModelUnavailable(f"{home / 'models'} has no ranker {wanted}; there are {', '.join(there) or 'none'}. Train one: nightshift train")
