"""Language models: one protocol, the backends that speak it, and the fake that ships beside them."""

from nightshift.models.llm.build import (
    BACKENDS,
    Backend,
    LLMSettings,
    build_llm,
    identify,
    load_tokenizer,
    token_counter,
)

__all__ = ["BACKENDS", "Backend", "LLMSettings", "build_llm", "identify", "load_tokenizer", "token_counter"]
