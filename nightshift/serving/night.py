"""One night as serving sees it: mapped arrays under the names that the feature functions know."""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from nightshift.features.candidates.settings import CandidateSettings
from nightshift.features.collaborative import Fit
from nightshift.features.content import ItemCodes, NightContent, Stated, TagScores, View
from nightshift.features.content_spec import ContentSpec, Feature, first_spec
from nightshift.features.history import midnight
from nightshift.features.parts import Part, opened_part
from nightshift.features.settings import FeatureSettings
from nightshift.features.tags import Marked
from nightshift.features.whitening import Whitening
from nightshift.serving.complete_night import WholeNight
from nightshift.serving.ids import Ids
from nightshift.serving.memory_map import Arrays, opened
from nightshift.serving.prepare import FORMAT, night_arrays
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.store import Store

FITTED = Whitening(np.zeros(0), np.zeros((0, 0)))
"""Vectors are stored whitened; nothing is whitened at serving."""


@dataclass(frozen=True)
class ServedNight:
    """A night's mapped arrays."""

    as_of: date
    key: str
    settings: FeatureSettings
    arrays: Arrays
    about: dict[str, Any]
    kept: dict[str, Any] = field(default_factory=dict)
    """What rankers keep of this night, by a name of theirs; put there before the night is served."""
    spec: ContentSpec = field(default_factory=first_spec)
    """What is read of the night."""

    @property
    def moment(self) -> int:
        """00:00 UTC of the night in microseconds since 1970."""
        return midnight(self.as_of)

    @cached_property
    def items(self) -> Ids:
        """The catalogue."""
        return Ids(self.arrays["items_names"], self.arrays["items_numbers"])

    @cached_property
    def users(self) -> Ids:
        """Users with an event before the night."""
        return Ids(self.arrays["users_names"], self.arrays["users_numbers"])

    @cached_property
    def preferring(self) -> Ids:
        """Users for whom the night wrote something."""
        return Ids(self.arrays["preferring_names"], self.arrays["preferring_numbers"])

    @cached_property
    def attributes(self) -> sp.csr_array:
        """(items + 1, attributes)"""
        parts = (
            self.arrays["attributes_value"],
            self.arrays["attributes_code"],
            self.arrays["attributes_start"],
        )
        return sp.csr_array(
            parts, shape=(len(self.items) + 1, int(self.arrays["attributes_count"][0])), copy=False
        )

    @cached_property
    def marked(self) -> Marked:
        """Tag scores as they are compared."""
        tags = (self.arrays[f"tags_{name}"] for name in ("scores", "tops", "present", "share", "top_share"))
        return Marked(tuple(sorted(set(self.about["facets"]))), *tags)

    @property
    def codes(self) -> dict[str, ItemCodes]:
        """Semantic ids by view (items, levels)."""
        return {
            view: ItemCodes(codebook, self.arrays[f"codes_{view}_paths"])
            for view, codebook in self.about["codebooks"].items()
        }

    @cached_property
    def content(self) -> NightContent:
        """Views, tags, what users' rows say (of `preferring`), and what is read off other tables."""
        views = {name: self._view(name) for name in self.about["views"]}
        tags = TagScores((), tuple(self.about["facets"]), self.marked.scores, self.marked.present)
        kept = (self.arrays[name] for name in ("liked_tags", "disliked_tags", "user_facts"))
        parts = tuple(self._part(place, one) for place, one in enumerate(self.spec.read_off))
        return NightContent(self.as_of, self.spec, views, tags, Stated(self.preferring, *kept), parts=parts)

    def _part(self, place: int, one: Feature) -> Part:
        head = f"part{place}_"
        mine = {
            name.removeprefix(head): values for name, values in self.arrays.items() if name.startswith(head)
        }
        known = "users_names" in mine
        return opened_part(one, mine, Ids(mine["users_names"], mine["users_numbers"]) if known else None)

    def _view(self, name: str) -> View:
        vectors, present = self.arrays[f"view_{name}_vectors"], self.arrays[f"view_{name}_present"]
        dimensions = self.arrays.get(f"view_{name}_dimensions", vectors[:, :0])
        return View(name, vectors, present, self.settings.similarity.nearest, FITTED, dimensions)

    @cached_property
    def fitted(self) -> Fit | None:
        """The newest collaborative fit before the night; None where there were too few events."""
        if self.about["refit"] is None:
            return None
        names = ("slot", "odds_liked", "odds_disliked", "cosine", "ease", "item_rate", "factors")
        return Fit(
            **{name: self.arrays[f"fit_{name}"] for name in names},
            overall=float(self.arrays["fit_overall"][0]),
        )


def key_of(
    night: WholeNight,
    settings: FeatureSettings,
    candidates: CandidateSettings | None = None,
    spec: ContentSpec | None = None,
) -> str:
    """Folder name of a night's arrays: the night, and what its tables and the settings say, and which of
    them are read where it is not what was always read."""
    read = [spec.to_json()] if spec and spec != first_spec() else []
    key = content_key(str(FORMAT), night.digest, canonical(settings), canonical(candidates or {}), *read)
    return f"as_of={night.as_of}-{key[:16]}"


def open_night(
    store: Store,
    night: WholeNight,
    settings: FeatureSettings,
    folder: Path,
    candidates: CandidateSettings | None = None,
    spec: ContentSpec | None = None,
) -> ServedNight:
    """Map a night's arrays; make them first where they are not there yet (seconds to minutes), or where
    they are damaged."""
    spec = spec or first_spec()
    mine = folder / key_of(night, settings, candidates, spec)
    arrays, about = opened(mine, lambda: night_arrays(store, night, settings, candidates, spec))
    return ServedNight(night.as_of, mine.name, settings, arrays, about, spec=spec)
