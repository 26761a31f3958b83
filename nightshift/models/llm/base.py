"""What a language model is to Nightshift: two verbs, `answer` and `score`, and an honest identity.

`answer` writes text. `score` reads: it returns how likely the model finds each choice of a closed
vocabulary after a question, and, where the model can, its hidden state at the point of choosing. For small
models the second verb is the feature and the first is for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

FinishReason = Literal["stop", "length", "refusal", "error", "waiting"]
"""How an answer ended. `error`: a server gave none that can be used; `waiting`: it is still worked on, and
the next run takes it up. The text of both says why, and neither is an answer."""


class Decoding(BaseModel, extra="forbid", frozen=True):
    """How an answer is decoded. Every field changes the answer, so all of it is part of the content key."""

    max_new_tokens: int = 64
    """Longest answer in tokens. An answer that reaches it is cut and its finish reason is `length`."""
    temperature: float = 0.0
    """0 is greedy: the most likely token each time."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens already in the prompt or answer less likely (Keskar et al., CTRL, 2019)."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer; the stop text itself is not part of it."""
    seed: int = 0
    """Used only when temperature is above 0."""
    json_schema: str | None = None
    """JSON schema, as text, that the answer must satisfy: a backend that can constrains its decoding to
    it. None: free text."""


class ModelIdentity(BaseModel, extra="forbid", frozen=True):
    """Which model answers, as it enters the content key. Known without loading the model."""

    model_id: str
    """Name and revision, `smollm2-135m-instruct@b179c952`."""
    arithmetic: str
    """What else moves an answer: number type and prefix-cache use, `bfloat16+prefix`. Never device or
    batch size."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question put after a request's text, and the closed list of answers to weigh.

    `stem` begins where the request's text ends (`"\\nMood:"`), each choice begins where the stem ends (`"
    dark"`).
    """

    name: str
    stem: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One row for a model."""

    key: str
    """Content key of the row."""
    instructions: str
    """The part all rows of a prompt share: instructions and examples. A chat backend sends it as the
    system message."""
    text: str
    """The row's own part. Plain completion backends read `instructions + text`."""
    decoding: Decoding = field(default_factory=Decoding)
    questions: tuple[Question, ...] = ()
    """The row's own questions, weighed by `score` instead of those that all rows share. `answer` does not
    read them."""

    @property
    def prompt(self) -> str:
        """What a plain completion model reads."""
        return self.instructions + self.text


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote for one request."""

    key: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    """Tokens of the whole prompt, whether computed or taken from a cache."""
    cached_tokens: int
    """Of those, tokens whose keys and values were reused."""
    new_tokens: int
    seconds: float
    """The row's share of its batch's wall time."""
    estimated: bool = False
    """Whether the token counts are estimates, because a server gave none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely the choices are after one request."""

    key: str
    log_probabilities: NDArray[np.float32]
    """(choices of all the row's questions, in order): natural log of P(choice | prompt, stem), whole
    choice, not length-normalised."""
    hidden: NDArray[np.float32] | None
    """(questions, width): last-layer state at the end of each stem, or None when the model cannot show it."""
    prompt_tokens: int
    """Tokens of the whole prompt, and of the row's own stems and choices where it brings some, each
    counted alone."""
    cached_tokens: int
    seconds: float


class LLM(Protocol):
    """A language model. Inherits its tests from `nightshift.models.llm.conformance.LLMConformance`."""

    @property
    def identity(self) -> ModelIdentity:
        """Known before loading, and equal to what `identify` said for the same settings."""
        ...

    @property
    def context_tokens(self) -> int:
        """Prompt plus answer may not be longer."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text by the model's own tokenizer, special tokens left out."""
        ...

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order. All requests share one `decoding`. Raises ModelUnavailable."""
        ...

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """One `Scored` a request, in order: its own `questions` weighed where it brings some, else these.

        Raises ModelUnavailable when the backend cannot score, ValueError for a row without a question or
        with an empty choice.
        """
        ...
