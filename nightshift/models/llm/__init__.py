"""Language models: one protocol, the backends that speak it, and the fake that ships beside them."""

from nightshift.models.llm.build import LLMSettings, build_llm, identify, load_tokenizer

__all__ = ["LLMSettings", "build_llm", "identify", "load_tokenizer"]
