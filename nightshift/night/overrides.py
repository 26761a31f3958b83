"""Settings of one run: what is given for it counts instead of nightshift.yaml and the environment, for
that run only.

Only what moves no answer and no table can be given: the run's night must be the one that any other run
would publish, however much of it the budget affords. Values are held against the same settings classes as
the file's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from nightshift.errors import ConfigError
from nightshift.models.llm import LLMSettings, identify
from nightshift.night.config import Settings, refuse_unknown, told

BLOCKS = ("budget", "checks", "llm", "beam", "lift")
"""Blocks of nightshift.yaml that a run may be given."""
PLACE = "the run's configuration"
A_TABLE = "it decides what the tables hold or where they lie, and these are the same for every run"
A_JOURNEY = "it decides where prompts and keys are sent"
AN_INSTALLATION = "it is about this installation, not about a run"
FIXED = dict.fromkeys(
    ("sources", "encoder", "tags", "facts", "preferences", "enrichments", "codes", "examples", "home"),
    A_TABLE,
) | {
    **dict.fromkeys(("nights", "alerts", "owners", "cache", "root"), AN_INSTALLATION),
    "llm.model": A_TABLE,
    "llm.recorded": A_TABLE,
    "llm.server.base_url": A_JOURNEY,
    "llm.server.api_key_env": A_JOURNEY,
    "beam.address": A_JOURNEY,
    "beam.options": A_JOURNEY,
}
"""What no run can be given, and why."""


def overridden(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """The settings with what one run was given. Raises ConfigError that names the key and the way out."""
    refuse_unknown(Settings, dict(given), PLACE)
    for key in _keys(given):
        if key in FIXED:
            raise ConfigError(
                f"{PLACE}: {key} cannot be given for one run: {FIXED[key]}. Change it in nightshift.yaml"
            )
    changed = settings.model_copy(
        update={name: _block(getattr(settings, name), name, values) for name, values in given.items()}
    )
    _same_answers(settings.llm, changed.llm)
    return changed


def _keys(given: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Every key that was given, with those above it: `llm`, `llm.server`, `llm.server.retries`."""
    for name, value in given.items():
        yield f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{above}{name}.")


def _block(block: BaseModel, name: str, values: Any) -> BaseModel:
    """A block with some of its values changed, as if they had stood in the file."""
    merged = _merged(block.model_dump(exclude_unset=True), values)
    try:
        return type(block).model_validate(merged)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(told(PLACE, problem | {"loc": (name, *problem["loc"])}) for problem in error.errors())
        ) from error


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, Mapping) and isinstance(over, Mapping)):
        return over
    return {**under, **{name: _merged(under.get(name), value) for name, value in over.items()}}


def _same_answers(before: LLMSettings, after: LLMSettings) -> None:
    """Refuse what would answer under other content keys: the run would pay for rows that other runs do not
    find."""
    was, now = identify(before), identify(after)
    if was != now:
        raise ConfigError(
            f"{PLACE}: with these values of llm every answer would be another one ({was.model_id}, "
            f"{was.arithmetic} would become "
            f"{now.model_id}, {now.arithmetic}), and the tables are the same for every run. Change "
            f"llm in nightshift.yaml"
        )
