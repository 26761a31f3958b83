"""A model's own chat template, as tokens that no text can forge.

The template is rendered once around two placeholders. Its own pieces are read with control tokens,
instructions and rows as plain text: `<|im_end|>` inside a description ends nothing.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from nightshift.errors import ModelUnavailable
from nightshift.models.weights.tokens import TextTokenizer

SYSTEM, USER = "\ue000", "\ue001"
"""Placeholders: private-use characters, which no template uses."""


class ChatTemplate:
    """The template of one prepared model."""

    def __init__(self, folder: Path, tokenizer: TextTokenizer) -> None:
        self._folder = folder
        self._tokenizer = tokenizer

    def tokens(self, system: str, user: str) -> list[int]:
        """The conversation up to where the assistant begins. Raises ModelUnavailable for a model without a
        template."""
        pieces = self._with_system if system else self._alone
        plain = self._tokenizer.encode([system, user] if system else [user], special=False)
        found = list(pieces[0])
        for text, piece in zip(plain, pieces[1:], strict=True):
            found += text + piece
        return found

    @cached_property
    def _with_system(self) -> list[list[int]]:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
        before, _, rest = self._rendered(messages).partition(SYSTEM)
        between, found, after = rest.partition(USER)
        if not found:
            raise ModelUnavailable(
                "this model's chat template has no place for instructions; set the endpoint to completions"
            )
        return self._tokenizer.encode_control([before, between, after])

    @cached_property
    def _alone(self) -> list[list[int]]:
        before, _, after = self._rendered([{"role": "user", "content": USER}]).partition(USER)
        return self._tokenizer.encode_control([before, after])

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        try:
            from jinja2 import TemplateError
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise ModelUnavailable(
                f"{error.name} is missing; pip install 'nightshift[llama_cpp]' to read chat templates"
            ) from error
        template = self._folder / "chat_template.jinja"
        if not template.exists():
            raise ModelUnavailable("this model has no chat template; set the endpoint to completions")
        config = json.loads((self._folder / "tokenizer_config.json").read_text("utf-8"))
        ends: dict[str, Any] = {name: config.get(name) or "" for name in ("bos_token", "eos_token")}
        try:
            made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(
                template.read_text("utf-8")
            )
            return made.render(messages=messages, add_generation_prompt=True, raise_exception=_refuse, **ends)
        except (TemplateError, ValueError) as error:
            raise ModelUnavailable(
                f"this model's chat template cannot be used ({error}); set the endpoint to completions"
            ) from error


def _refuse(message: str) -> None:
    """What templates call for a conversation that they do not know."""
    raise ValueError(message)
