"""One request, and what a ranker is to serving: something that reads nights and gives candidates their
chances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nightshift.features.history import Floats, Ints
from nightshift.serving.columns import candidate_columns
from nightshift.serving.features import Features
from nightshift.serving.live import History, Live
from nightshift.serving.night import ServedNight

if TYPE_CHECKING:
    from nightshift.rankers.din.onnx import OnnxDIN
    from nightshift.rankers.lightgbm import LightGBMRanker


@dataclass(frozen=True)
class Request:
    """Candidates for one user at one moment, with what is known then."""

    live: Live
    user: str
    history: History
    """The user's events before the moment, oldest first."""
    item: Ints
    """(rows,) numbers of the candidates."""
    moment: int
    """Microseconds since 1970, after all events of `live`."""

    @classmethod
    def of(cls, features: Features, user: str, items: Sequence[str], now: datetime | None) -> Self:
        """Candidates for a user at a moment; None is this one."""
        live, moment = features.at(now)
        return cls(live, user, live.user(user), live.night.items.of(items), moment)

    def matrix(self, features: tuple[str, ...], families: tuple[str, ...]) -> Floats:
        """(rows, features) float32 in this order; NaN for what the night does not have."""
        columns = candidate_columns(self.live, self.user, self.history, self.item, self.moment, families)
        by_feature = np.full((len(features), len(self.item)), np.nan, np.float32)
        for place, name in enumerate(features):
            if name in columns:
                by_feature[place] = columns[name]
        return np.ascontiguousarray(by_feature.T)


class Scorer(Protocol):
    """A saved ranker ready to serve."""

    engine: str
    """What runs it."""
    reads: tuple[str, ...]
    """Names of all that it reads: columns, views and semantic ids, each `<family>__<what>`."""
    codes: bool
    """Whether it embeds semantic ids."""

    @property
    def model(self) -> "LightGBMRanker | OnnxDIN":
        """The ranker as it was saved."""
        ...

    def read(self, night: ServedNight) -> None:
        """Take what it needs of a night beside its features, before the first request meets that night."""
        ...

    def chances(self, request: Request) -> NDArray[np.float64]:
        """Probabilities (rows,) of at least one candidate, in their order."""
        ...


def families_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """The families that some names belong to."""
    return tuple(dict.fromkeys(name.split("__", 1)[0] for name in names))
