"""Arms: which feature families a ranker may read. Same ranker, split, seeds and budget; only the columns differ."""

from dataclasses import dataclass

import polars as pl

from nightshift.candidates.settings import COLLABORATIVE
from nightshift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Arm:
    """A name and the column families (prefix before `__`) it is allowed."""

    name: str
    families: tuple[str, ...]

    def features(self, examples: pl.DataFrame) -> tuple[str, ...]:
        """Feature columns of the arm's families, in the frame's order."""
        return tuple(name for name in examples.columns if "__" in name and name.split("__", 1)[0] in self.families)

    def present(self, examples: pl.DataFrame) -> bool:
        """Whether every family of the arm has a column."""
        return {name.split("__", 1)[0] for name in self.features(examples)} == set(self.families)


ARMS = {
    arm.name: arm
    for arm in (
        Arm("base", ("base",)),
        Arm("text", ("base", "text")),
        Arm("llm", ("base", "llm")),
        Arm("permuted", ("base", "permuted")),
    )
}
"""The arms by name. `permuted` reads what `llm` reads, written for another item of like popularity."""

COMPARISONS = (("llm", "base"), ("text", "base"), ("permuted", "base"), ("llm", "permuted"), ("llm", "text"))
"""(arm, against): lift, cheap text, placebo, content lift, premium of the language model over cheap text."""

SOURCE = "source"
"""`ranker` of what candidate sources reach by themselves, and of `candidates`, whose recall is the most a ranker of them can reach."""

MEANING: dict[tuple[str, str], str] = {
    ("llm", "base"): "lift",
    ("text", "base"): "lift of cheap text",
    ("permuted", "base"): "placebo",
    ("llm", "permuted"): "content lift",
    ("llm", "text"): "premium over cheap text",
    **{("base", source): "ranking over its source" for source in COLLABORATIVE},
}
"""What each comparison is called in words."""


def arms_of(names: tuple[str, ...], examples: pl.DataFrame) -> list[Arm]:
    """The named arms whose columns are there. Raises ConfigError for a name that is no arm."""
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise ConfigError(f"arm {unknown[0]!r} is not known; choose from {sorted(ARMS)}")
    return [ARMS[name] for name in names if ARMS[name].present(examples)]
