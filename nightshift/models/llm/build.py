"""From settings to a language model: the table of backends, by their names in `llm.backend`.

A new backend is an entry of `BACKENDS`, and a field of `LLMSettings` where it has settings of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from pydantic import BaseModel

from nightshift.errors import ConfigError
from nightshift.models.llm import echo, llama_cpp, openai, openai_batch, recorded, transformers, vllm
from nightshift.models.llm.base import LLM, ModelIdentity
from nightshift.models.llm.llama_cpp import LlamaCppBlock, LlamaCppSettings
from nightshift.models.llm.openai_batch import BatchBlock
from nightshift.models.llm.prices import FREE, Price, price_of
from nightshift.models.llm.recorded import RecordedFiles
from nightshift.models.llm.server import ServerSettings
from nightshift.models.llm.transformers import TransformersSettings
from nightshift.models.llm.vllm import VllmBlock, VllmSettings
from nightshift.models.weights.tokens import TextTokenizer

Part = TypeVar("Part", bound=BaseModel)
ALL_AT_ONCE = 1_000_000
"""Rows handed to a provider's batch interface together: its batches run side by side, so the more it knows
the sooner it ends."""


Counter = Callable[[Sequence[str]], list[int]]
"""Tokens of each of some whole prompts."""


def _no_tokenizer(_settings: "LLMSettings", _cache: Path) -> TextTokenizer | None:
    return None


def _free(_settings: "LLMSettings") -> Price | None:
    return FREE


@dataclass(frozen=True)
class Backend:
    """One way to a language model. Nothing heavy is imported, and nothing fetched, before the first
    prompt."""

    identify: Callable[["LLMSettings"], ModelIdentity]
    """Who would answer. Raises ConfigError naming the nearest known model."""
    build: Callable[["LLMSettings", Path, Path | None], LLM]
    """The model, from settings, cache folder and home; its weights load at the first answer or score."""
    tokenizer: Callable[["LLMSettings", Path], TextTokenizer | None] = _no_tokenizer
    """The model's own tokenizer where it can be had without the model; None where not, and when it was
    never fetched."""
    counter: Callable[["LLMSettings"], Counter] | None = None
    """Counts a prompt's tokens; None: the tokenizer does."""
    price: Callable[["LLMSettings"], Price | None] = _free
    """Dollars a token: nothing for a local model, None where nobody knows a server's."""
    can_score: bool = False
    """Whether it weighs choices, and shows the model's state while it does."""
    is_remote: bool = False
    """Whether prompts go to a server, which may ask money for them."""
    is_recorded: bool = False
    """Whether answers are read from files, and nothing is asked."""
    rows_at_once: int | None = None
    """Rows it wants in one call; None leaves it to `beam.batch_rows`."""


BACKENDS = {
    "transformers": Backend(
        identify=lambda settings: transformers.identify(_part(settings, TransformersSettings)),
        build=lambda settings, cache, _: transformers.TransformersLLM(
            _part(settings, TransformersSettings), cache
        ),
        tokenizer=lambda settings, cache: transformers.load_tokenizer(
            _part(settings, TransformersSettings), cache
        ),
        can_score=True,
    ),
    "llama_cpp": Backend(
        identify=lambda settings: llama_cpp.identify(_part(settings, LlamaCppSettings)),
        build=lambda settings, cache, _: llama_cpp.LlamaCppLLM(_part(settings, LlamaCppSettings), cache),
        tokenizer=lambda settings, cache: llama_cpp.load_tokenizer(_part(settings, LlamaCppSettings), cache),
    ),
    "vllm": Backend(
        identify=lambda settings: vllm.identify(_part(settings, VllmSettings)),
        build=lambda settings, cache, _: vllm.VllmLLM(_part(settings, VllmSettings), cache),
    ),
    "openai": Backend(
        identify=lambda settings: openai.identify(_asked(settings)),
        build=lambda settings, _, __: openai.OpenAILLM(_asked(settings)),
        price=lambda settings: price_of(settings.model, settings.server, batch=False),
        is_remote=True,
    ),
    "openai_batch": Backend(
        identify=lambda settings: openai.identify(_asked(settings)),
        build=lambda settings, _, home: _batched(settings, home),
        price=lambda settings: price_of(settings.model, settings.server, batch=True),
        is_remote=True,
        rows_at_once=ALL_AT_ONCE,
    ),
    "recorded": Backend(
        identify=lambda settings: recorded.identify(settings.model),
        build=lambda _, __, ___: _not_built(),
        counter=lambda settings: recorded.RecordedLLM(settings.model, {}).count_tokens,
        is_recorded=True,
    ),
    "echo": Backend(
        identify=lambda settings: echo.identify(_echoed(settings)),
        build=lambda settings, _, __: echo.EchoLLM(_echoed(settings)),
        counter=lambda settings: echo.EchoLLM(_echoed(settings)).count_tokens,
        can_score=True,
    ),
}
"""Every backend by its name in `llm.backend`."""
if TYPE_CHECKING:
    BackendName = str
else:
    BackendName = Literal[tuple(BACKENDS)]


class LLMSettings(TransformersSettings, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """Which language model answers, and how it is run."""

    backend: BackendName = "transformers"
    """`transformers` runs a local model in this process; `llama_cpp` a GGUF file (`llm.llama_cpp`), for
    which `model`, `context_tokens` (null: 4096) and `threads` count; `vllm` a model on a GPU (`llm.vllm`),
    for which `model`, `dtype` and `context_tokens` count; `openai` asks a server (`llm.server`), for which
    of the other fields only `model` (`name@revision`) and `context_tokens` (null: 8192) count;
    `openai_batch` asks it through batch files (`llm.batch`), at half the price and within a day;
    `recorded` reads answers that a model gave elsewhere (`llm.recorded`), for which only `model`
    (`name@recording`) counts; `echo` repeats the text without any model."""
    reply: str | None = None
    """What `echo` answers (see `EchoSettings`); read by no other backend."""
    server: ServerSettings = ServerSettings()
    """The server that `openai` and `openai_batch` ask; read by no other backend."""
    batch: BatchBlock = BatchBlock()
    """How `openai_batch` sends and awaits its files; read by no other backend."""
    llama_cpp: LlamaCppBlock = LlamaCppBlock()
    """How `llama_cpp` runs its file; read by no other backend."""
    vllm: VllmBlock = VllmBlock()
    """How `vllm` runs its model; read by no other backend."""
    recorded: RecordedFiles = RecordedFiles()
    """The files of `recorded` by table, `{item_facts: {path: said.parquet}}`; read by no other backend."""

    @property
    def keeps_states(self) -> bool:
        """Whether every score comes with the model's hidden state."""
        return self.can_score

    @property
    def can_score(self) -> bool:
        """Whether the backend weighs choices; others write answers only, and `item_tag_scores` asks them
        nothing."""
        return BACKENDS[self.backend].can_score

    @property
    def is_recorded(self) -> bool:
        """Whether answers are read from files: rows without one are not asked, and nothing is spent."""
        return BACKENDS[self.backend].is_recorded

    @property
    def is_remote(self) -> bool:
        """Whether prompts leave this machine's processes, and a provider may ask money for them."""
        return BACKENDS[self.backend].is_remote

    @property
    def rows_at_once(self) -> int | None:
        """How many rows the backend wants in one call; None leaves it to `beam.batch_rows`."""
        return BACKENDS[self.backend].rows_at_once

    @property
    def price(self) -> Price | None:
        """Dollars a token: nothing for a local model, None where nobody knows a server's."""
        return BACKENDS[self.backend].price(self)

    def cost(self, prompt_tokens: int, new_tokens: int, cached_tokens: int = 0) -> float | None:
        """What a call cost, in US dollars; None where the price is unknown."""
        price = self.price
        return None if price is None else price.cost(prompt_tokens, new_tokens, cached_tokens)


def identify(settings: LLMSettings) -> ModelIdentity:
    """Who would answer, without loading torch or weights. Raises ConfigError naming the nearest known
    model."""
    return BACKENDS[settings.backend].identify(settings)


def build_llm(settings: LLMSettings, cache: Path, home: Path | None = None) -> LLM:
    """The model. Its weights load at the first answer or score; `cache` holds downloads and prepared weights.

    An unknown name is refused now, not in the middle of the night: raises ConfigError.
    `home` is where `openai_batch` remembers its batches; other backends leave nothing behind.
    """
    return BACKENDS[settings.backend].build(settings, cache, home)


def load_tokenizer(settings: LLMSettings, cache: Path) -> TextTokenizer | None:
    """Counts tokens for a plan without torch; None where no tokenizer is at hand: a server's, and when it
    was never fetched."""
    return BACKENDS[settings.backend].tokenizer(settings, cache)


def token_counter(settings: LLMSettings, cache: Path) -> Counter | None:
    """Counts the tokens of whole prompts for a plan; None for a server, and where the model was never
    fetched."""
    backend = BACKENDS[settings.backend]
    if backend.counter is not None:
        return backend.counter(settings)
    tokenizer = backend.tokenizer(settings, cache)
    return None if tokenizer is None else lambda texts: [len(ids) for ids in tokenizer.encode(texts)]


def _part(settings: LLMSettings, kind: type[Part]) -> Part:
    """The fields that one backend reads."""
    return kind(**settings.model_dump(include=set(kind.model_fields)))


def _asked(settings: LLMSettings) -> openai.OpenAISettings:
    return openai.OpenAISettings(
        model=settings.model, context_tokens=settings.context_tokens, server=settings.server
    )


def _echoed(settings: LLMSettings) -> echo.EchoSettings:
    limit = {} if settings.context_tokens is None else {"context_tokens": settings.context_tokens}
    return echo.EchoSettings(reply=settings.reply, **limit)


def _batched(settings: LLMSettings, home: Path | None) -> openai_batch.OpenAIBatchLLM:
    if home is None:
        raise ConfigError(
            "the backend openai_batch needs a home folder to remember its batches in; pass home to build_llm"
        )
    return openai_batch.OpenAIBatchLLM(_asked(settings), settings.batch, home / "batches")


def _not_built() -> NoReturn:
    raise ConfigError(
        "the backend recorded finds answers by row id, which no request carries; "
        "pipelines.answer_prompts looks them up"
    )
