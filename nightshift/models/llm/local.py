"""What all backends with a model in this process share: one prepared model, its tokenizer, and prompts
that fit.

A prompt longer than the context loses tokens from the middle of the row's own text, never from the
instructions and never its last 64 tokens, where a prompt asks its question; how many rows were cut is
logged and counted in `truncated_rows`.
"""

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.base import ModelIdentity, Question, Request, Scored
from nightshift.models.llm.chat_template import ChatTemplate
from nightshift.models.llm.repeats import REPEATS
from nightshift.models.llm.server import Endpoint
from nightshift.models.weights.tokens import TextTokenizer
from nightshift.models.weights.weights import prepare_llm

log = logging.getLogger(__name__)
log.addFilter(REPEATS)
CONTEXT_TOKENS = 4096
"""Longest prompt plus answer where `llm.context_tokens` is not set and the backend does not read the
model's own."""
KEPT_END = 64
"""Tokens at the end of an over-long prompt that survive the cut."""


class LocalLLM:
    """A local model. Nothing is fetched or loaded before the first prompt."""

    backend: ClassVar[str]
    """Its name in `llm.backend`."""

    def __init__(
        self,
        identity: ModelIdentity,
        model: str,
        cache: Path,
        context_tokens: int | None,
        endpoint: Endpoint = "completions",
    ) -> None:
        self.identity = identity
        self.truncated_rows = 0
        """Rows whose text was cut to fit the context, since this object was made."""
        self._model = model
        self._cache = cache
        self._limit = context_tokens
        self._endpoint = endpoint

    @cached_property
    def context_tokens(self) -> int:
        """Prompt plus answer may not be longer."""
        return self._limit or CONTEXT_TOKENS

    @cached_property
    def _folder(self) -> Path:
        return prepare_llm(self._model, self._cache)

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        return TextTokenizer(self._folder)

    @cached_property
    def _chat(self) -> ChatTemplate:
        return ChatTemplate(self._folder, self._tokenizer)

    @cached_property
    def _empty(self) -> list[int]:
        """What stands for an empty prompt, which no model reads."""
        return self._tokenizer.encode(["\n"])[0]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens left out."""
        return self._tokenizer.count(texts)

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """Not possible, unless a backend says how."""
        raise ModelUnavailable(
            f"the backend {self.backend} writes answers and cannot weigh choices; set llm.backend to "
            f"transformers"
        )

    def _prompts(self, requests: Sequence[Request], reserved: int | Sequence[int]) -> list[list[int]]:
        """Tokens of each prompt, cut to leave `reserved` tokens of the context, the same for all or one
        number a row.

        Raises ValueError when instructions leave no room.
        """
        prompts = self._encoded(requests)
        each = [reserved] * len(prompts) if isinstance(reserved, int) else reserved
        limits = [self.context_tokens - own for own in each]
        cut = [place for place, prompt in enumerate(prompts) if len(prompt) > limits[place]]
        for instructions, limit in {(requests[place].instructions, limits[place]) for place in cut}:
            self._check_room(instructions, limit)
        if cut:
            self.truncated_rows += len(cut)
            words = "%d of %d rows were longer than %d tokens; the middle of their text was left out"
            log.warning(words, len(cut), len(prompts), min(limits[place] for place in cut))
        for place in cut:
            prompts[place] = prompts[place][: limits[place] - KEPT_END] + prompts[place][-KEPT_END:]
        return prompts

    def _encoded(self, requests: Sequence[Request]) -> list[list[int]]:
        if self._endpoint == "chat":
            return [self._chat.tokens(request.instructions, request.text) for request in requests]
        return [
            tokens or self._empty
            for tokens in self._tokenizer.encode([request.prompt for request in requests])
        ]

    def _check_room(self, instructions: str, limit: int) -> None:
        needed = len(self._tokenizer.encode([instructions])[0])
        if needed > limit - KEPT_END:
            raise ValueError(
                f"the instructions take {needed} tokens; {limit} are left for the prompt, of which "
                f"{KEPT_END} are kept for the row: "
                "shorten the instructions, lower max_new_tokens or raise llm.context_tokens"
            )
