"""Types of the fields of a JSON answer: bounded texts and closed choices, so that an answer has a length
and a vocabulary."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from nightshift.prompts.parsing import accept, sentence

CHARS_PER_WORD = 8
"""An English word and its space take six characters; two more leave room for the last one."""
LABELS = ("Summary:",)
"""What models write before the sentence inside the object as well."""
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


def bounded(max_chars: int) -> Any:
    """Type of a text that is there and at most so long."""
    return Annotated[str, Field(min_length=1, max_length=max_chars)]


def one_of(tags: tuple[str, ...]) -> Any:
    """Type of one tag of a closed list; a tag in other letter case is that tag."""
    known = {tag.casefold(): tag for tag in tags}

    def spelled(said: Any) -> Any:
        return known.get(said.strip().casefold(), said) if isinstance(said, str) else said

    return Annotated[Literal[tags], BeforeValidator(spelled)]


def whole_sentence(text: str, max_chars: int, max_words: int, not_these: Collection[str]) -> str:
    """One clean sentence. A text that fills its limit without ending was cut there. Raises RejectedAnswer."""
    line = " ".join(text.split())
    cut = len(text) >= max_chars and not line.endswith((".", "!", "?"))
    return sentence(accept(line, "length" if cut else "stop", LABELS), max_words, not_these)
