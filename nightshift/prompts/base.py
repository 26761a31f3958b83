"""What a prompt is: the fields it may read, how a row becomes text, how an answer becomes a value, and its
version.

The allow-list is enforced here, not by good manners: `requests` hands `build` a row that holds nothing but
the prompt's own `fields`, so a column that is not on the list cannot reach a model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import polars as pl
from pydantic import BaseModel

from nightshift.models.llm.base import Decoding, FinishReason, ModelIdentity, Question
from nightshift.models.llm.choices import check, packed
from nightshift.storage.content_key import canonical, content_key

V = TypeVar("V", bound=BaseModel)

REQUESTS: dict[str, Any] = {
    "content_key": pl.String,
    "row_id": pl.String,
    "text_key": pl.String,
    "text": pl.String,
    "worth": pl.Float64,
}
"""Requests of one prompt: the row's id in its table, its text and the key of that text alone, and its
worth (higher is asked first). Prompts with choices of a row's own add `questions`, those of the row as one
text (`nightshift.models.llm.choices.packed`)."""
NONE = packed([])
"""What a row without a question of its own has in `questions`."""
SLICE = 50_000
"""Rows whose texts are built at a time: a million texts as Python objects would hold more memory than the
frame they become."""


@dataclass(frozen=True)
class Prompt(Generic[V]):
    """One prompt: settings already applied."""

    name: str
    """The table it writes."""
    version: int
    """Raised when the meaning of the prompt changes without its text changing."""
    row_key: str
    """Column that names the row, `item_id` or `user_id`. It is never given to `build`."""
    fields: tuple[str, ...]
    """The only columns `build` gets to see."""
    instructions: str
    """The part every row shares."""
    build: Callable[[Mapping[str, Any]], str]
    """A row's own text."""
    parse: Callable[[str, FinishReason], V]
    """What an answer says. Raises RejectedAnswer with the reason. Not part of the key: a better parser
    re-reads for free."""
    schema: type[V]
    """The value an answer becomes."""
    decoding: Decoding = field(default_factory=Decoding)
    questions: tuple[Question, ...] = ()
    """For prompts that are scored, not answered: the closed vocabulary, the same for every row."""
    choices: Callable[[Mapping[str, Any]], tuple[Question, ...]] | None = None
    """For prompts that are scored with questions of the row's own: made from the `fields`, as `build`.
    Part of the row's key. A row without any is not asked."""
    again: Callable[[str, str], str] = lambda text, reason: text
    """The text of the next attempt, from a row's text and the reason its last answer was rejected. Not
    part of the key."""
    max_equal: int | None = None
    """Rows of the table that may have one sentence; what would stand for more is rejected as `repeated`.
    None: any number. Not part of the key."""

    def __post_init__(self) -> None:
        """Raises ValueError for a prompt that is given questions in both ways, and for a limit on texts
        where none is written."""
        if self.questions and self.choices is not None:
            raise ValueError(
                f"prompt {self.name}: give it questions that all rows share, or choices that make a "
                f"row's own; not both"
            )
        if self.max_equal is not None and (self.is_scored or self.sentence is None):
            raise ValueError(f"prompt {self.name}: max_equal needs a text in what an answer becomes")

    @property
    def is_scored(self) -> bool:
        """Whether choices are weighed and nothing is written."""
        return bool(self.questions) or self.choices is not None

    @property
    def sentence(self) -> str | None:
        """The field of the schema that holds the text; None where it has none."""
        fields = self.schema.model_fields.items()
        return next((name for name, each in fields if each.annotation is str), None)

    @property
    def prompt_id(self) -> str:
        """Name, version and digest of everything that shapes an answer, `item_facts/v1/3f2a9c10`."""
        return f"{self.name}/v{self.version}/{self.digest[:8]}"

    @cached_property
    def digest(self) -> str:
        """Hash of instructions, schema, decoding and questions."""
        schema = "" if self.is_scored else canonical(self.schema.model_json_schema())
        return content_key(
            self.name,
            str(self.version),
            self.instructions,
            schema,
            canonical(self.decoding),
            packed(self.questions),
        )

    def hidden_id(self, model_id: str) -> str:
        """Encoder id of the model's own state while it answers this prompt."""
        return f"{model_id}/{self.prompt_id}/hidden"

    def key(self, identity: ModelIdentity, text: str, questions: str | None = None) -> str:
        """Content key of one row's text, and of its own questions (as `packed`) where it has some."""
        return content_key(identity.model_id, identity.arithmetic, self.digest, *_own(text, questions))

    def requests(
        self, rows: pl.DataFrame, identity: ModelIdentity, worth: pl.Series | None = None
    ) -> pl.DataFrame:
        """Requests for every row, worthiest first (ties by row id). Rows with equal text share a content
        key."""
        key = partial(self.key, identity)
        slices = [
            _asked(self, key, part) for part in rows.select({self.row_key, *self.fields}).iter_slices(SLICE)
        ]
        frame = pl.concat(slices) if slices else pl.DataFrame(schema=self._columns)
        worths = worth if worth is not None else pl.Series([0.0]).new_from_index(0, rows.height)
        worthy = frame.with_columns(worths.cast(pl.Float64).alias("worth"))
        asked = worthy if self.choices is None else worthy.filter(pl.col("questions") != NONE)
        return asked.sort("worth", "row_id", descending=[True, False])

    @property
    def _columns(self) -> dict[str, Any]:
        """Of requests, without their worth."""
        own = {} if self.choices is None else {"questions": pl.String}
        return {name: dtype for name, dtype in REQUESTS.items() if name != "worth"} | own


def _asked(prompt: Prompt[Any], key: Callable[[str, str | None], str], rows: pl.DataFrame) -> pl.DataFrame:
    """Requests of a slice, without their worth: only its texts are Python strings at a time."""
    named = list(rows.select(prompt.fields).iter_rows(named=True))
    texts = [prompt.build(row) for row in named]
    packs: Sequence[str | None] = [None] * len(texts)
    if prompt.choices is not None:
        packs = _packs(prompt, prompt.choices, rows[prompt.row_key], named)
    both = list(zip(texts, packs, strict=True))
    columns: dict[str, Any] = {
        "content_key": [key(text, own) for text, own in both],
        "row_id": rows[prompt.row_key],
        "text_key": [content_key(*_own(text, own)) for text, own in both],
        "text": texts,
    } | ({} if prompt.choices is None else {"questions": packs})
    return pl.DataFrame(columns, schema=prompt._columns)


def _packs(
    prompt: Prompt[Any],
    choices: Callable[[Mapping[str, Any]], tuple[Question, ...]],
    ids: pl.Series,
    rows: list[dict[str, Any]],
) -> list[str]:
    """The questions of each row. Raises ValueError for a question without choices or with an empty one."""
    found = [choices(row) for row in rows]
    for row_id, questions in zip(ids, found, strict=True):
        if questions:
            check(f"{prompt.name}, {prompt.row_key} {row_id!r}", questions)
    return [packed(questions) for questions in found]


def _own(text: str, questions: str | None) -> tuple[str, ...]:
    """What of a request is the row's own, as parts of a key."""
    return (text,) if questions is None else (text, questions)
