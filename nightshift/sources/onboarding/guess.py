"""A guess: a setting, a value, and why. And how an answer takes its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightshift.errors import ConfigError
from nightshift.sources.onboarding.columns import Column
from nightshift.sources.onboarding.samples import Sample
from nightshift.sources.wording import missing_column

Answers = Mapping[str, Any]
"""Setting to what a person said, such as `{"items.title": "name"}`; None says that there is no such
column."""

FLAGS = {
    "items.path": "--items",
    "interactions.path": "--interactions",
    "items.item_id": "--item-id",
    "items.title": "--title",
    "items.text": "--text",
    "items.attributes": "--attributes",
    "items.attributes_separator": "--attributes-separator",
    "items.created_at": "--created-at",
    "items.created_at_unit": "--created-at-unit",
    "items.duplicate_item": "--duplicate-item",
    "interactions.user_id": "--user-id",
    "interactions.item_id": "--event-item-id",
    "interactions.timestamp": "--timestamp",
    "interactions.timestamp_unit": "--timestamp-unit",
    "interactions.feedback": "--feedback",
    "interactions.label": "--label",
    "interactions.positive_from": "--positive-from",
    "interactions.group": "--group",
    "interactions.kind": "--kind",
    "interactions.positive_kinds": "--positive-kinds",
}
"""Setting to the flag of `nightshift init` that answers it."""


def in_flags(message: str) -> str:
    """A message about sources with flags instead of settings, longest names first, for somebody who has no
    nightshift.yaml yet."""
    for setting in sorted(FLAGS, key=len, reverse=True):
        message = message.replace(f"sources.{setting}", FLAGS[setting])
    return message


@dataclass(frozen=True)
class Guess:
    """What a setting should be."""

    setting: str
    """Block and name: `interactions.user_id`."""
    value: Any
    """None: leave the setting out."""
    why: str
    """The reason in words, with numbers from the data."""
    sure: bool = True
    """Nobody needs to be asked."""
    needed: bool = False
    """Nothing works without a value."""
    choices: tuple[str, ...] = ()
    """Other values that are possible, best first."""

    @property
    def flag(self) -> str:
        """The flag of `nightshift init` that answers it."""
        return FLAGS[self.setting]

    @property
    def open(self) -> bool:
        """Needed, and unknown."""
        return self.needed and self.value is None


def answered(setting: str, answers: Answers) -> Guess | None:
    """The answer as a guess that is sure; None where nobody said anything."""
    return Guess(setting, answers[setting], "as you said") if setting in answers else None


def column_said(setting: str, answers: Answers, sample: Sample) -> Column | None:
    """The column that an answer names. Raises SourceError, with the nearest one, when the file has no such
    column."""
    name = answers.get(setting)
    return None if name is None else existing(setting, str(name), sample)


def existing(setting: str, name: str, sample: Sample) -> Column:
    """A column by its name. Raises ConfigError, with the nearest one, when the file has no such column."""
    if name not in sample.columns:
        raise ConfigError(missing_column(FLAGS[setting], name, sample.files[0].place, list(sample.columns)))
    return sample.columns[name]


def names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of columns."""
    return tuple(column.name for column in columns)


def share(part: float) -> str:
    """A share for a sentence: `97%`, `0.4%`, `100%` only where it is all."""
    if 0 < part < 0.01 or 0.99 < part < 1:
        return f"{100 * part:.1f}%" if part < 0.999 else "over 99.9%"
    return f"{100 * part:.0f}%"
