"""Arms: which feature families a ranker may read. Same ranker, split, seeds and budget; only the columns
differ."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from nightshift.errors import ConfigError
from nightshift.features.candidates.settings import COLLABORATIVE
from nightshift.features.dealings import dealing_of

PARTS = {
    "facts": ("facts_",),
    "hidden": ("hidden_",),
    "tags": ("tags_", "tag_"),
    "preferences": ("preference_",),
}
"""What the family `llm` is made of: part -> how its columns begin after `llm__`."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A name, the column families (prefix before `__`) it is allowed, and columns (by their beginnings) it
    has to do without."""

    name: str
    families: tuple[str, ...]
    without: tuple[str, ...] = ()

    def features(self, examples: pl.DataFrame) -> tuple[str, ...]:
        """Feature columns of the arm's families, in the frame's order."""
        allowed = [
            name for name in examples.columns if "__" in name and name.split("__", 1)[0] in self.families
        ]
        return (
            tuple(name for name in allowed if not name.startswith(self.without))
            if self.without
            else tuple(allowed)
        )

    def present(self, examples: pl.DataFrame) -> bool:
        """Whether every family of the arm has a column, and what it has to do without is there to be left
        out."""
        features = self.features(examples)
        families = {name.split("__", 1)[0] for name in features} == set(self.families)
        return families and (not self.without or any(_says(name, self.without) for name in examples.columns))

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


def _says(name: str, heads: tuple[str, ...]) -> bool:
    """Whether a column of the part says more than that something is missing."""
    return name.startswith(heads) and not name.endswith("_missing")


ARMS = {
    arm.name: arm
    for arm in (
        Arm("base", ("base",)),
        Arm("text", ("base", "text")),
        Arm("llm", ("base", "llm")),
        Arm("both", ("base", "text", "llm")),
        Arm("permuted", ("base", "permuted")),
        Arm("template", ("base", "template")),
        *(
            Arm(f"llm_without_{part}", ("base", "llm"), tuple(f"llm__{head}" for head in heads))
            for part, heads in PARTS.items()
        ),
    )
}
"""The arms by name. `both` reads what `text` and `llm` read; `permuted` what `llm` reads, written for
another item of like popularity; `template` what a template says of an item; `llm_without_<part>` all but
one part of what `llm` reads."""

LEAVE_ONE_OUT = tuple(f"llm_without_{part}" for part in PARTS)
"""Arms that leave out one part."""

COMPARISONS = (
    ("llm", "base"),
    ("text", "base"),
    ("permuted", "base"),
    ("llm", "permuted"),
    ("llm", "text"),
    ("llm", "template"),
    ("both", "base"),
    ("both", "text"),
    *(("llm", arm) for arm in LEAVE_ONE_OUT),
)
"""(arm, against): lift, cheap text, placebo, content lift, premiums over cheap text and over a template,
worth of each part."""

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
    **{("llm", f"llm_without_{part}"): f"what {part} adds to the rest" for part in PARTS},
    **{("base", source): "ranking over its source" for source in COLLABORATIVE},
}
"""What each comparison is called in words."""


def arms_of(names: tuple[str, ...], examples: pl.DataFrame) -> list[Arm]:
    """The named arms whose columns are there. Raises ConfigError for a name that is no arm."""
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise ConfigError(f"arm {unknown[0]!r} is not known; choose from {sorted(ARMS)}")
    return [ARMS[name] for name in names if ARMS[name].present(examples)]


def pooled(name: str) -> str:
    """The arm that a version belongs to: every dealing of the placebo is `permuted`."""
    return name if dealing_of(name) is None else "permuted"


def with_interval(row: Mapping[str, Any]) -> str:
    """A row's difference and its 95% interval.

    >>> with_interval({"difference": 0.0012, "ci_low": -0.0004, "ci_high": 0.0028})
    '+0.0012 [-0.0004, +0.0028]'
    """
    return "{difference:+.4f} [{ci_low:+.4f}, {ci_high:+.4f}]".format(**row)
