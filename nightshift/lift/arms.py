"""Arms: which feature families a ranker may read. Same ranker, split, seeds and budget; only the columns
differ."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from nightshift.errors import ConfigError
from nightshift.features.candidates.settings import COLLABORATIVE
from nightshift.features.content_spec import ContentSpec, first_spec
from nightshift.features.dealings import dealing_of

WITHOUT = "llm_without_"
"""Begins the arms that leave out one part of what `llm` reads."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A name, the column families (prefix before `__`) it is allowed, and columns (by their beginnings) it
    has to do without."""

    name: str
    families: tuple[str, ...]
    without: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    """Beginnings of other parts' columns that begin like those it has to do without."""

    def features(self, examples: pl.DataFrame) -> tuple[str, ...]:
        """Feature columns of the arm's families, in the frame's order."""
        allowed = [
            name for name in examples.columns if "__" in name and name.split("__", 1)[0] in self.families
        ]
        return tuple(name for name in allowed if not self._left_out(name)) if self.without else tuple(allowed)

    def present(self, examples: pl.DataFrame) -> bool:
        """Whether every family of the arm has a column, and what it has to do without is there to be left
        out."""
        features = self.features(examples)
        families = {name.split("__", 1)[0] for name in features} == set(self.families)
        return families and (not self.without or any(self._says(name) for name in examples.columns))

    def _left_out(self, name: str) -> bool:
        return name.startswith(self.without) and not (self.keeps and name.startswith(self.keeps))

    def _says(self, name: str) -> bool:
        """Whether a column that is left out says more than that something is missing."""
        return self._left_out(name) and not name.endswith("_missing")

    def versions(self, examples: pl.DataFrame) -> "tuple[Arm, ...]":
        """The arm, or for the placebo one arm a dealing of answers: the seeds take turns."""
        if self.name != "permuted":
            return (self,)
        families = sorted(
            {name.split("__", 1)[0] for name in examples.columns if "__" in name},
            key=lambda name: (len(name), name),
        )
        dealt = [family for family in families if dealing_of(family) is not None]
        return tuple(replace(self, name=family, families=("base", family)) for family in dealt)


WHOLE = {
    arm.name: arm
    for arm in (
        Arm("base", ("base",)),
        Arm("text", ("base", "text")),
        Arm("llm", ("base", "llm")),
        Arm("both", ("base", "text", "llm")),
        Arm("permuted", ("base", "permuted")),
        Arm("template", ("base", "template")),
    )
}


"""Arms of whole families. `both` reads what `text` and `llm` read; `permuted` what `llm` reads, written for
another item of like popularity or another user of like activity; `template` what a template says of an
item."""


def arms_by_name(spec: ContentSpec | None = None) -> dict[str, Arm]:
    """The arms of whole families, and `llm_without_<part>`: all but one part of what `llm` reads."""
    return WHOLE | {arm.name: arm for arm in _less(spec or first_spec())}


def leave_one_out(spec: ContentSpec | None = None) -> tuple[str, ...]:
    """Arms that leave out one part."""
    return tuple(WITHOUT + part for part in (spec or first_spec()).parts)


def is_leave_one_out(arm: str) -> bool:
    """Whether an arm leaves out one part."""
    return arm.startswith(WITHOUT)


def _less(spec: ContentSpec) -> list[Arm]:
    """A column that begins like those of two parts is of the one whose beginning is longer."""
    arms = []
    for part, heads in spec.parts.items():
        others = [head for name, found in spec.parts.items() if name != part for head in found]
        longer = [one for one in others for head in heads if one.startswith(head) and one != head]
        without, keeps = ([f"llm__{head}" for head in some] for some in (heads, longer))
        arms.append(Arm(WITHOUT + part, ("base", "llm"), tuple(without), tuple(keeps)))
    return arms


BETWEEN_FAMILIES = (
    ("llm", "base"),
    ("text", "base"),
    ("permuted", "base"),
    ("llm", "permuted"),
    ("llm", "text"),
    ("llm", "template"),
    ("both", "base"),
    ("both", "text"),
)
"""(arm, against): lift, cheap text, placebo, content lift, premiums over cheap text and over a template."""


def comparisons(arms: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(arm, against) of all that is compared among some arms: whole families, then the worth of each part."""
    known = list(arms)
    whole = [pair for pair in BETWEEN_FAMILIES if set(pair) <= set(known)]
    return *whole, *(("llm", arm) for arm in known if is_leave_one_out(arm) and "llm" in known)


SOURCE = "source"
"""`ranker` of what candidate sources reach by themselves, and of `candidates`, whose recall is the most a
ranker of them can reach."""

MEANING: dict[tuple[str, str], str] = {
    ("llm", "base"): "lift",
    ("text", "base"): "lift of cheap text",
    ("permuted", "base"): "placebo",
    ("llm", "permuted"): "content lift",
    ("llm", "text"): "premium over cheap text",
    ("llm", "template"): "premium over a template",
    ("both", "base"): "lift of text and llm together",
    ("both", "text"): "what a model's words add to cheap text",
    **{("base", source): "ranking over its source" for source in COLLABORATIVE},
}


def meaning(arm: str, against: str) -> str:
    """What a comparison is called in words.

    >>> meaning("llm", "llm_without_tags")
    'what tags adds to the rest'
    """
    if is_leave_one_out(against):
        return f"what {against.removeprefix(WITHOUT)} adds to the rest"
    return MEANING.get((arm, against), "difference")


def arms_of(names: tuple[str, ...], examples: pl.DataFrame, spec: ContentSpec | None = None) -> list[Arm]:
    """The named arms whose columns are there. Raises ConfigError for a name that is no arm."""
    arms = arms_by_name(spec)
    unknown = [name for name in names if name not in arms]
    if unknown:
        raise ConfigError(f"arm {unknown[0]!r} is not known; choose from {sorted(arms)}")
    return [arms[name] for name in names if arms[name].present(examples)]


def pooled(name: str) -> str:
    """The arm that a version belongs to: every dealing of the placebo is `permuted`."""
    return name if dealing_of(name) is None else "permuted"


def with_interval(row: Mapping[str, Any]) -> str:
    """A row's difference and its 95% interval.

    >>> with_interval({"difference": 0.0012, "ci_low": -0.0004, "ci_high": 0.0028})
    '+0.0012 [-0.0004, +0.0028]'
    """
    return "{difference:+.4f} [{ci_low:+.4f}, {ci_high:+.4f}]".format(**row)
