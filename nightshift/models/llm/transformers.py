"""The embedded backend: a local model through transformers, in this process, on the processor that is there.

What makes it fast: the shared prompt prefix is read once and kept for every later batch and call,
attention never copies it (`attention`), finished rows make room for waiting ones (`decode`), and all
questions of `score` are weighed in one pass (`tree`). What makes it honest: number type and prefix use are
in the identity, because both move rounding.

Prompts are plain completion: instructions followed by the row's text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from nightshift.models.llm.attention import Prefix
from nightshift.models.llm.base import (
    Answer,
    Decoding,
    FinishReason,
    ModelIdentity,
    Question,
    Request,
    Scored,
)
from nightshift.models.llm.choices import asked, count_branches
from nightshift.models.llm.decode import Decoder, Row
from nightshift.models.llm.grammar import Grammars
from nightshift.models.llm.local import LocalLLM
from nightshift.models.llm.network import Network
from nightshift.models.llm.score import weigh
from nightshift.models.llm.tree import Joint, Tree, grow, joints_by_row
from nightshift.models.weights.arithmetic import Dtype, number_type
from nightshift.models.weights.tokens import TextTokenizer, common_length
from nightshift.models.weights.weights import model_id, prepared_folder

PROBES = ("A", " a", "\n", "0", "(", "é", "ж", "中", "😀")
"""Row beginnings that no token of the prefix may depend on: letters, space, newline, digit, punctuation,
scripts."""
TOKENS_IN_FLIGHT = 32_768
"""Row tokens held at once, whatever the batch size: 0.75 GiB of keys and values for the 135M model."""
PAIRS_IN_FLIGHT = 1 << 26
"""Pairs of a row's own tokens in one pass, whatever the batch size: one mask of 8192 tokens squared, 128
MiB."""

NODES_OF_A_ROW = 8192
"""Tokens of one row's tree of questions, shared beginnings once: a row alone fits PAIRS_IN_FLIGHT up to
there."""


class TransformersSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """How a local model is run."""

    model: str = "smollm2-135m-instruct"
    """A preset's name, a local folder, or a hub id `owner/name@revision`."""
    dtype: Dtype = "auto"
    """Number type; `auto` is bfloat16 where the processor has it and float32 elsewhere. Part of the
    content key."""
    prefix_cache: bool = True
    """Read the shared prompt prefix once. Moves rounding in bfloat16, so it is part of the content key."""
    context_tokens: int | None = Field(default=None, ge=128)
    """Longest prompt plus answer, in tokens; None is the model's own limit. Part of the content key when
    set."""
    batch_size: int = Field(default=128, ge=1)
    """Rows in flight: 128 is 12% faster than 64 on two cores; long rows lower it to bound memory. Changes
    speed only."""
    threads: int | None = Field(default=None, ge=1)
    """Processor threads, None leaves it to torch. Changes speed only."""
    device: str = "cpu"
    """`cpu` or `cuda`. Changes speed only, except that `auto` number type is always bfloat16 on `cuda`."""


def identify(settings: TransformersSettings) -> ModelIdentity:
    """Who would answer, without loading torch or the weights."""
    parts = [number_type(settings.dtype, settings.device)]
    extra = ["prefix"] if settings.prefix_cache else []
    limit = [f"context{settings.context_tokens}"] if settings.context_tokens else []
    return ModelIdentity(
        model_id=model_id(settings.model, "llm"), arithmetic="+".join([*parts, *extra, *limit])
    )


def load_tokenizer(settings: TransformersSettings, cache: Path) -> TextTokenizer | None:
    """The model's tokenizer without torch, or None when the weights were never fetched. Fetches nothing."""
    folder = prepared_folder(settings.model, "llm", cache)
    return TextTokenizer(folder) if folder is not None else None


class TransformersLLM(LocalLLM):
    """A local causal model. The weights load at the first answer or score."""

    backend = "transformers"

    def __init__(self, settings: TransformersSettings, cache: Path) -> None:
        super().__init__(identify(settings), settings.model, cache, settings.context_tokens)
        self.settings = settings

    @cached_property
    def _network(self) -> Network:
        dtype = number_type(self.settings.dtype, self.settings.device)
        return Network(self._folder, dtype, self.settings.threads, self.settings.device)

    @cached_property
    def _grammars(self) -> Grammars:
        return Grammars(self._folder, self._network.vocabulary, sorted(self._network.end_tokens))

    @cached_property
    def context_tokens(self) -> int:
        """Prompt plus answer may not be longer."""
        own = int(json.loads((self._folder / "config.json").read_text("utf-8"))["max_position_embeddings"])
        return min(own, self.settings.context_tokens or own)

    @cached_property
    def _empty(self) -> list[int]:
        return [min(self._network.end_tokens, default=0)]  # the end-of-text token

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer a request, in order.

        Greedy at temperature 0. The repetition penalty is that of transformers' processor: it looks at
        every token of the whole prompt, the shared prefix included, and of the answer so far; padding is
        never looked at. With a `json_schema` only tokens that keep to it are chosen, and the answer is
        closed within its token limit.
        Raises ValueError when instructions alone leave no room, or when requests differ in `decoding`.
        """
        found: dict[int, Answer] = {}
        if len({request.decoding for request in requests}) > 1:
            raise ValueError("requests of one call must share their decoding; call answer once for each")
        for places in _by_instructions(requests):
            answers = self._answer([requests[place] for place in places])
            found.update(zip(places, answers, strict=True))
        return [found[place] for place in range(len(requests))]

    def score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        """One `Scored` a request, in order, all questions of a row in one pass, its own ones or the shared
        ones.

        Exact in float32 (1e-3 of a plain pass over the whole text); bfloat16 is off by about 0.1.
        Raises ValueError for a question without choices or with an empty one, and for a tree of more than
        NODES_OF_A_ROW tokens.
        """
        found: dict[int, Scored] = {}
        for places in _by_instructions(requests):
            scored = self._score([requests[place] for place in places], questions)
            found.update(zip(places, scored, strict=True))
        return [found[place] for place in range(len(requests))]

    def _answer(self, requests: Sequence[Request]) -> list[Answer]:
        began = time.perf_counter()
        decoding = requests[0].decoding
        prompts = self._prompts(requests, decoding.max_new_tokens)
        prefix, fresh = self._prefix(requests[0].instructions, prompts)
        shared = len(prefix.tokens) if prefix else 0
        rows = [
            Row(request.key, prompt, prompt[shared:])
            for request, prompt in zip(requests, prompts, strict=True)
        ]
        ordered = sorted(rows, key=lambda row: len(row.own))
        places = self._places(len(ordered[-1].own) + decoding.max_new_tokens)
        grammar = self._grammars.compiled(decoding.json_schema) if decoding.json_schema else None
        Decoder(self._network, prefix, decoding, self._ending(decoding), grammar).run(ordered, places)
        seconds = (time.perf_counter() - began) / len(rows)
        return [
            self._answered(row, shared * (place > 0 or not fresh), seconds, decoding)
            for place, row in enumerate(rows)
        ]

    def _answered(self, row: Row, cached: int, seconds: float, decoding: Decoding) -> Answer:
        text = self._tokenizer.decode(
            [token for token in row.written if token not in self._network.end_tokens]
        )
        cuts = [place for place in (text.find(stop) for stop in decoding.stop) if place >= 0]
        return Answer(
            key=row.key,
            text=text[: min(cuts, default=len(text))],
            finish_reason=row.finish_reason or "length",
            prompt_tokens=len(row.prompt),
            cached_tokens=cached,
            new_tokens=len(row.written),
            seconds=seconds,
        )

    def _ending(self, decoding: Decoding) -> Callable[[Row], FinishReason | None]:
        """Whether a row's newest token ends it. A stop text of n bytes lies within the last n tokens."""
        window = max((len(stop.encode()) for stop in decoding.stop), default=0)
        ends = self._network.end_tokens

        def ended(row: Row) -> FinishReason | None:
            if row.written[-1] in ends:
                return "stop"
            if window and any(
                stop in self._tokenizer.decode(row.written[-window:]) for stop in decoding.stop
            ):
                return "stop"
            return "length" if len(row.written) >= decoding.max_new_tokens else None

        return ended

    def _score(self, requests: Sequence[Request], questions: Sequence[Question]) -> list[Scored]:
        began = time.perf_counter()
        trees, lost = self._trees(requests, questions)
        prompts = self._prompts(requests, _depths(requests, trees))
        trunks = [prompt[: len(prompt) - each] for prompt, each in zip(prompts, lost, strict=True)]
        prefix, fresh = self._prefix(requests[0].instructions, trunks)
        shared = len(prefix.tokens) if prefix else 0
        own = [trunk[shared:] for trunk in trunks]
        weights: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for places in self._score_batches(own, trees, [bool(request.questions) for request in requests]):
            weighed = weigh(
                self._network, [own[place] for place in places], [trees[place] for place in places], prefix
            )
            weights.update(zip(places, weighed, strict=True))
        counted = count_branches([request.questions for request in requests], self.count_tokens)
        seconds = (time.perf_counter() - began) / len(requests)
        return [
            Scored(
                request.key,
                *weights[place],
                len(prompts[place]) + counted[place],
                shared * (place > 0 or not fresh),
                seconds,
            )
            for place, request in enumerate(requests)
        ]

    def _trees(
        self, requests: Sequence[Request], questions: Sequence[Question]
    ) -> tuple[list[Tree], list[int]]:
        """The tree of each row, one object where rows join equal questions alike, and the tokens its
        prompt loses to it."""
        wanted = [asked(request, questions) for request in requests]
        found = joints_by_row([request.prompt for request in requests], wanted, self._parts)
        kinds = list(zip(found, wanted, strict=True))
        trees: dict[tuple[Joint, tuple[Question, ...]], Tree] = {}
        for request, kind in zip(requests, kinds, strict=True):
            if kind not in trees:
                trees[kind] = grow(kind[0], request.prompt, kind[1], self._parts)
                _check_size(request.key, trees[kind])
        return [trees[kind] for kind in kinds], [joint.lost for joint in found]

    def _score_batches(
        self, trunks: Sequence[Sequence[int]], trees: Sequence[Tree], mixed: Sequence[bool]
    ) -> Iterator[list[int]]:
        """Places of rows of similar length: of one tree where it is shared, of trees of similar size where
        rows bring their own."""
        groups: dict[int | None, list[int]] = {}
        for place, tree in enumerate(trees):
            groups.setdefault(None if mixed[place] else id(tree), []).append(place)
        for group in groups.values():
            places = sorted(group, key=lambda place: len(trunks[place]) + len(trees[place].tokens))
            while places:
                last = places[-self._places(len(trunks[places[-1]]) + len(trees[places[-1]].tokens)) :]
                padded = max(len(trunks[place]) for place in last) + max(
                    len(trees[place].tokens) for place in last
                )
                size = min(len(last), self._places(padded))
                yield places[-size:]
                del places[-size:]

    def _places(self, longest: int) -> int:
        """How many rows of that many own tokens fit into one pass."""
        return max(
            1, min(self.settings.batch_size, TOKENS_IN_FLIGHT // longest, PAIRS_IN_FLIGHT // longest**2)
        )

    def _parts(self, texts: Sequence[str]) -> list[list[int]]:
        return self._tokenizer.encode(texts, special=False)

    def _prefix(self, instructions: str, prompts: Sequence[Sequence[int]]) -> tuple[Prefix | None, bool]:
        if not self.settings.prefix_cache or not instructions:
            return None, False
        probes = self._tokenizer.encode([instructions + probe for probe in PROBES])
        tokens = probes[0][: min(common_length(probes[0], probe) for probe in probes)]
        return self._network.prefix(instructions, tokens, prompts) if tokens else (None, False)


def _check_size(row: str, tree: Tree) -> None:
    if len(tree.tokens) > NODES_OF_A_ROW:
        raise ValueError(
            f"row {row!r}: its choices are a tree of {len(tree.tokens):,} tokens, at most "
            f"{NODES_OF_A_ROW:,}; "
            "give it fewer or shorter choices"
        )


def _depths(requests: Sequence[Request], trees: Sequence[Tree]) -> list[int]:
    """Tokens of the context that each row's deepest branch takes; rows that share their questions keep the
    same room."""
    deep = [max([1, *tree.depths()]) for tree in trees]
    together = max(
        [1, *(depth for depth, request in zip(deep, requests, strict=True) if not request.questions)]
    )
    return [depth if request.questions else together for depth, request in zip(deep, requests, strict=True)]


def _by_instructions(requests: Sequence[Request]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for place, request in enumerate(requests):
        groups.setdefault(request.instructions, []).append(place)
    return list(groups.values())
