"""A model that needs no weights: deterministic, instant, and part of the product.

It stands in for a real model in tests and rehearsals, and it is the `template` placebo of the lift report:
whatever rankers gain from its answers was in the text already. It counts a token as a word between spaces.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from nightshift.models.llm.base import Answer, FinishReason, ModelIdentity, Question, Request, Scored
from nightshift.models.llm.choices import asked, count_branches
from nightshift.models.llm.instances import instance
from nightshift.models.llm.schema import compact
from nightshift.storage.content_key import canonical, content_key

VERSION = 1
"""Raised whenever any answer or score of the echo would change."""
_FIELD = re.compile(r"^\s*([^:\n]{1,40}):[ \t]*(.*?)\s*$")
_WORD = re.compile(r"\w+")
_LIST_ENDS = re.compile(r"\s*[,;|]\s*")
_BRACKET = re.compile(r"\[([^\]]*)\]")
LONGEST_SENTENCE = 30
"""Words of a summary."""


class EchoSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What the echo says."""

    reply: str | None = None
    """A pattern for every answer, with `{first}` and `{rest}` for the text's fields and `{text}` for all
    of it; None is `template_reply`. Part of the content key."""
    context_tokens: int = Field(default=8192, ge=1)
    """Stated limit, in words."""
    width: int = Field(default=32, ge=1)
    """Length of the hidden state. Part of the content key."""


def identify(settings: EchoSettings) -> ModelIdentity:
    """Name and a digest of what moves the answers."""
    return ModelIdentity(model_id=f"echo@{VERSION}", arithmetic=content_key(canonical(settings))[:8])


def fields(text: str) -> dict[str, str]:
    """The text's `Key: value` lines that have a value, by key; without such lines, its non-empty lines by
    number."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [match for match in map(_FIELD.match, lines) if match]
    if not found:
        return {str(number): " ".join(line.split()) for number, line in enumerate(lines)}
    return {match[1].strip(): " ".join(match[2].split()) for match in found if match[2]}


def template_reply(request: Request) -> str:
    """The default answer, made of the text's own fields.

    Where the request names a JSON schema it is an instance of it (`nightshift.models.llm.instances`). Else
    a text that ends in an open label gets the sentence that completes it, one with likes and dislikes gets
    a taste, any other a line of tags and a summary.

    >>> template_reply(Request("k", "", "Movie: Fargo (1996)\\nAbout: Crime, Drama\\nSummary:"))
    ' Fargo (1996): Crime, Drama.'
    >>> print(template_reply(Request("k", "", "Movie: Fargo (1996)\\nAbout: Crime, Drama")))
    Tags: crime, drama
    Summary: Fargo (1996): Crime, Drama.
    >>> history = "Liked: Fargo [crime, dark]; Heat [crime]\\nDisliked: Toy Story [funny]"
    >>> template_reply(Request("k", "", f"{history}\\nTaste: Wants"))
    ' crime and dark stories; avoids funny ones.'
    """
    found = fields(request.text)
    if request.decoding.json_schema:
        said = instance(json.loads(request.decoding.json_schema), found, _sentence(found))
        return compact(said).encode("utf-8", "replace").decode()  # half a surrogate pair is no JSON
    if {"Liked", "Disliked"} <= found.keys():
        return f" {_tastes(found['Liked'], 'stories')}; avoids {_tastes(found['Disliked'], 'ones')}."
    sentence = _sentence(found)
    if request.text.rstrip(" ").endswith(":"):
        return " " + sentence
    tags = [tag.lower() for tag in _LIST_ENDS.split(([*found.values()][:2] or ["nothing"])[-1]) if tag]
    return f"Tags: {', '.join(dict.fromkeys(tags[:5]))}\nSummary: {sentence}"


def _sentence(found: dict[str, str]) -> str:
    """The first two fields as one sentence."""
    return (
        " ".join(": ".join([*found.values()][:2] or ["nothing"]).split()[:LONGEST_SENTENCE]).rstrip(".") + "."
    )


def _tastes(items: str, noun: str) -> str:
    """Up to three tags of `title [tag, tag]; title [tag]` before the noun, or `nothing` where none is
    written."""
    tags = [tag for group in _BRACKET.findall(items) for tag in _LIST_ENDS.split(group) if tag]
    return f"{' and '.join([*dict.fromkeys(tags)][:3])} {noun}" if tags else "nothing"


class EchoLLM:
    """The fake model. `reply` says what it answers; by default `template_reply`."""

    def __init__(
        self, settings: EchoSettings | None = None, reply: Callable[[Request], str] | None = None
    ) -> None:
        self.settings = settings or EchoSettings()
        self._reply = reply or (self._patterned if self.settings.reply is not None else template_reply)

    @property
    def identity(self) -> ModelIdentity:
        """What `identify` says for the same settings."""
        return identify(self.settings)

    @property
    def context_tokens(self) -> int:
        """Stated limit, in words; longer texts are answered all the same."""
        return self.settings.context_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words between spaces."""
        return [len(text.split()) for text in texts]

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, cut at its stop texts and its longest length, in order."""
        return [self._answer(request) for request in requests]

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Log-probabilities from shared words, normalised per question, ties broken by a hash."""
        return [self._score(request, asked(request, questions)) for request in requests]

    def _answer(self, request: Request) -> Answer:
        began = time.perf_counter()
        text, reason = _cut(self._reply(request), request)
        tokens = len(request.prompt.split())
        seconds = time.perf_counter() - began
        return Answer(request.key, text, reason, max(1, tokens), 0, max(1, len(text.split())), seconds)

    def _patterned(self, request: Request) -> str:
        values = [*fields(request.text).values()] or ["nothing"]
        pattern = self.settings.reply or ""
        for name, value in (
            ("{first}", values[0]),
            ("{rest}", "; ".join(values[1:])),
            ("{text}", " ".join(request.text.split())),
        ):
            pattern = pattern.replace(name, value)
        return pattern

    def _score(self, request: Request, questions: Sequence[Question]) -> Scored:
        began = time.perf_counter()
        words = set(_WORD.findall(request.text.lower()))
        weighed = [
            _log_share([_affinity(words, request.text, question, choice) for choice in question.choices])
            for question in questions
        ]
        hidden = np.stack(
            [_hashed(request.text + question.stem, self.settings.width) for question in questions]
        )
        tokens = (
            max(1, len(request.prompt.split())) + count_branches([request.questions], self.count_tokens)[0]
        )
        return Scored(request.key, np.concatenate(weighed), hidden, tokens, 0, time.perf_counter() - began)


def _cut(text: str, request: Request) -> tuple[str, FinishReason]:
    cuts = [place for place in (text.find(stop) for stop in request.decoding.stop) if place >= 0]
    text = text[: min(cuts, default=len(text))]
    words = list(re.finditer(r"\S+", text))
    limit = request.decoding.max_new_tokens
    return (text, "stop") if len(words) <= limit else (text[: words[limit - 1].end()], "length")


def _affinity(words: set[str], text: str, question: Question, choice: str) -> float:
    """Two for a choice all of whose words are in the text, less for a part of them, plus a tie break below
    one."""
    spoken = _WORD.findall(choice.lower())
    overlap = sum(word in words for word in spoken) / max(1, len(spoken))
    return 2.0 * overlap + _unit(content_key(text, question.name, choice))


def _unit(key: str) -> float:
    """A number in [0, 1) from a hexadecimal key."""
    return int(key[:12], 16) / 16**12


def _log_share(affinities: list[float]) -> NDArray[np.float32]:
    scores = np.asarray(affinities, dtype=np.float64)
    return np.asarray(scores - np.logaddexp.reduce(scores), dtype=np.float32)  # exp sums to one


def _hashed(text: str, width: int) -> NDArray[np.float32]:
    """A fixed unit vector for the text."""
    seed = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    vector = np.random.default_rng(int.from_bytes(seed[:8], "big")).standard_normal(width)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
