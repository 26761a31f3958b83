"""A saved ranker with the features it was trained on: candidates in, probabilities out, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightshift.errors import ArgumentError, ConfigError, ModelUnavailable
from nightshift.features.candidates.settings import CandidateSettings
from nightshift.rankers.lightgbm import LightGBMRanker
from nightshift.serving.columns import FAMILIES
from nightshift.serving.features import FOLDER, Features
from nightshift.serving.ids import listed
from nightshift.serving.recipe import (
    CANDIDATES_FILE,
    load_candidates,
    load_content,
    load_recipe,
    saved_rankers,
)
from nightshift.serving.request import Request, Scorer, families_of
from nightshift.serving.trees import Trees

if TYPE_CHECKING:
    from nightshift.rankers.din.onnx import OnnxDIN

RANKERS = ("lightgbm", "din")
"""Rankers that can be served."""


@dataclass(frozen=True)
class Ranked:
    """Candidates best first, arrays (n,) in the same order."""

    items: tuple[str, ...]
    probabilities: NDArray[np.float64]
    """Probability of a positive label."""
    known: NDArray[np.bool_]
    """False for items that the night's catalogue lacks: scored like an item without text, attributes and
    events."""
    user_known: bool
    """False for a user without a single event: scored by what is known of the items alone."""
    as_of: date
    """The night whose features were used."""


class Ranker:
    """A saved ranker and the features it reads. `engine` says what runs it."""

    def __init__(self, scorer: Scorer, features: Features, as_of: date) -> None:
        _check(scorer.reads)
        if scorer.codes and not features.codes:
            raise ConfigError(
                "the ranker reads semantic ids; open its features with Features.open(home, codes=True)"
            )
        self._loaded: tuple[Path, str, bool, str] | None = None
        self.features, self.as_of, self.engine, self.scorer = features, as_of, scorer.engine, scorer
        features.attach(scorer)

    @property
    def model(self) -> "LightGBMRanker | OnnxDIN":
        """The ranker as it was saved."""
        return self.scorer.model

    @classmethod
    def load(
        cls,
        home: Path | str,
        arm: str = "llm",
        as_of: date | None = None,
        features: Features | None = None,
        compiled: bool = True,
        ranker: str = "lightgbm",
    ) -> "Ranker":
        """The newest saved ranker of an arm (or that of `as_of`), with `features`, or with the home's
        newest whole night.

        `ranker`: `lightgbm`, or `din`, which needs onnxruntime. `compiled`: run LightGBM's trees with
        onnxruntime where it is installed and agrees with LightGBM (`nightshift.serving.forest`); changes
        speed only. Raises ModelUnavailable when the arm has no such ranker, ConfigError when `features`
        were opened with other settings or the ranker reads what is not served.
        """
        if ranker not in RANKERS:
            raise ConfigError(f"ranker {ranker!r} is not served; served are {', '.join(RANKERS)}")
        folder = _folder(Path(home), f"{ranker}-{arm}", as_of)
        recipe = load_recipe(folder)
        vectors = (features.folder if features else Path(home) / FOLDER) / "din"
        scorer = _scorer(ranker, folder, vectors, compiled)
        candidates = _candidates(folder, scorer.reads)
        spec = load_content(folder)
        features = features or Features.open(
            home, recipe, codes=scorer.codes, candidates=candidates, spec=spec
        )
        same = features.settings == recipe and features.spec == spec
        if not same or candidates not in (None, features.candidates):
            raise ConfigError(
                f"{folder} was trained on features of other settings than these; open them with "
                f"Ranker.load(home).features"
            )
        loaded = cls(scorer, features, date.fromisoformat(folder.name.removeprefix("as_of=")))
        loaded._loaded = Path(home).resolve(), arm, compiled, ranker
        return loaded

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a name: a worker opens the same ranker and night from the same home, mapped.
        ArgumentError where it has none."""
        if self._loaded is None:
            raise ArgumentError(
                "this ranker was made of parts and cannot be pickled; one that Ranker.load(home) opened can"
            )
        home, arm, compiled, ranker = self._loaded
        return Ranker.load, (home, arm, self.as_of, self.features, compiled, ranker)

    def rank(self, user: str, candidates: Sequence[str], now: datetime | None = None) -> Ranked:
        """Score candidates for a user at a moment (default: this one; before the night it counts as the
        night's 00:00 UTC).

        Never raises for what it does not know: unknown users and items are scored with what there is, and
        marked. A repeated candidate is returned once. Equal scores keep the order of the candidates.
        Candidates are a list, an array or a series of ids; ArgumentError for a single text, and for a
        `now` that is no datetime.
        """
        items = tuple(str(item) for item in dict.fromkeys(listed(candidates)))
        request = Request.of(self.features, user, items, now)
        night = request.live.night
        chance = self.scorer.chances(request) if items else np.zeros(0)
        order = np.argsort(-chance, kind="stable")
        known, user_known = request.item[order] < len(night.items), len(request.history[0]) > 0
        return Ranked(
            tuple([items[place] for place in order.tolist()]), chance[order], known, user_known, night.as_of
        )


def _scorer(ranker: str, folder: Path, vectors: Path, compiled: bool) -> Scorer:
    """What ranks. Without onnxruntime's module unless it is asked for."""
    if ranker == LightGBMRanker.name:
        return Trees(LightGBMRanker.load(folder), compiled)
    from nightshift.serving.network import Network

    return Network.load(folder, vectors)


def _check(reads: tuple[str, ...]) -> None:
    """Raises ConfigError for what serving does not compute."""
    foreign = [name for name in families_of(reads) if name not in FAMILIES]
    if foreign:
        raise ConfigError(
            f"the ranker reads columns of family {foreign[0]!r}; served are {', '.join(FAMILIES)}"
        )


def _candidates(folder: Path, reads: tuple[str, ...]) -> CandidateSettings | None:
    """Settings of the candidate stage, where the ranker reads its scores. Raises ConfigError when they are
    not there."""
    scores, path = [name for name in reads if name.startswith("base__from_")], folder / CANDIDATES_FILE
    found = load_candidates(folder) if scores else None
    if scores and found is None:
        raise ConfigError(
            f"the ranker reads {scores[0]!r}, a score of the candidate stage, and {path} is not "
            f"there; train again"
        )
    return found


def _folder(home: Path, name: str, as_of: date | None) -> Path:
    """The folder of a saved ranker."""
    saved = saved_rankers(home, name)
    if as_of is not None and as_of in saved:
        return saved[as_of]
    if saved and as_of is None:
        return saved[max(saved)]
    there = sorted(path.name for path in (home / "models").glob("*-*/"))
    wanted = f"{name} of {as_of}" if as_of else name
    raise ModelUnavailable(
        f"{home / 'models'} has no ranker {wanted}; there are {', '.join(there) or 'none'}. Train "
        f"one: nightshift train"
    )
