"""All guesses together, in the order in which one helps the next: ids, times, feedback; then what a model
reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from nightshift.errors import ConfigError
from nightshift.sources.onboarding.catalogue import guess_attributes, guess_text, guess_title
from nightshift.sources.onboarding.feedback import guess_feedback
from nightshift.sources.onboarding.guess import Answers, Guess, answered
from nightshift.sources.onboarding.keys import guess_item_ids, guess_user_id
from nightshift.sources.onboarding.samples import Sample, Samples
from nightshift.sources.onboarding.times import guess_created, guess_timestamp
from nightshift.sources.settings import SourcesSettings


@dataclass(frozen=True)
class Draft:
    """A mapping as far as it is known."""

    guesses: tuple[Guess, ...]
    """One a setting; those with neither value nor reason do not apply."""

    @property
    def told(self) -> list[Guess]:
        """Guesses that say something."""
        return [guess for guess in self.guesses if guess.value is not None or guess.why]

    @property
    def questions(self) -> list[Guess]:
        """Guesses a person should be asked about, those nothing works without first."""
        return sorted(
            (guess for guess in self.guesses if guess.open or not guess.sure),
            key=lambda guess: not guess.open,
        )

    def sources(self) -> SourcesSettings:
        """The mapping as settings. Raises ConfigError that names the flag for what is missing or does not
        fit."""
        missing = [guess for guess in self.guesses if guess.open]
        if missing:
            raise ConfigError("\n".join(f"give {guess.flag}: {guess.why}" for guess in missing))
        try:
            return SourcesSettings.model_validate(self.blocks())
        except ValidationError as error:
            raise ConfigError("; ".join(str(problem["msg"]) for problem in error.errors())) from error

    def blocks(self) -> dict[str, dict[str, Any]]:
        """Block to setting to value, as nightshift.yaml has them."""
        found: dict[str, dict[str, Any]] = {"items": {}, "interactions": {}}
        for guess in self.guesses:
            block, _, name = guess.setting.partition(".")
            if guess.value is not None:
                found[block][name] = guess.value
        return found


def draft_of(found: Samples, answers: Answers, now: datetime) -> Draft:
    """Guess every setting; `answers` win, `now` is the wall clock. Raises ConfigError when an answer names
    no column."""
    item_id, event_item = guess_item_ids(found, answers)
    taken = {str(event_item.value)}
    user = guess_user_id(found, answers, taken)
    taken.add(str(user.value))
    when, unit = guess_timestamp(found.events, answers, now, taken)
    feedback = guess_feedback(found.events, answers, taken | {str(when.value)}, user.value)
    paths = [_path(one) for one in (found.items, found.events)]
    items = [paths[0], item_id, *_read_of_an_item(found, answers, now, {str(item_id.value)})]
    return Draft((*items, paths[1], user, event_item, when, unit, *feedback))


def _path(one: Sample) -> Guess:
    return Guess(f"{one.block}.path", one.path, f"{one.frame.width} columns; {one.rows} were looked at")


def _read_of_an_item(found: Samples, answers: Answers, now: datetime, taken: set[str]) -> Iterator[Guess]:
    """Title, attributes, text and date: a column is used once; what was said is nobody's guess."""
    said = [
        name
        for value in answers.values()
        for name in (value if isinstance(value, list) else [value])
        if isinstance(name, str)
    ]
    title = guess_title(found.items, answers, taken | set(said))
    taken = taken | {str(title.value), *said}
    attributes, separator = guess_attributes(found.items, answers, taken)
    text = guess_text(found.items, answers, taken | {str(attributes.value)})
    created, unit = guess_created(found.items, answers, now, taken)
    duplicate = answered("items.duplicate_item", answers) or Guess("items.duplicate_item", None, "")
    yield from (title, text, attributes, separator, created, unit, duplicate)
