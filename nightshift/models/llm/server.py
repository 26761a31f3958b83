"""How a server with OpenAI's HTTP interface is reached: where it is, how hard it may be pressed, what it
costs."""

import os
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from nightshift.errors import ConfigError

Endpoint = Literal["chat", "completions"]


class ServerSettings(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """A server that speaks OpenAI's HTTP interface: vLLM, llama.cpp, Ollama, a hosted one. Read by the
    backend `openai` only."""

    base_url: str = "http://127.0.0.1:8000/v1"
    """Address of the interface, up to and including `/v1`. Not part of the content key: a model may move."""
    endpoint: Endpoint = "chat"
    """`chat` sends instructions as system and text as user message; `completions` sends both as one text
    that the model continues, which is how the prompts were written and what a small or base model needs.
    Part of the content key."""
    api_key_env: str | None = Field("OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key, never the key itself. Unset, or null: no key is
    sent."""
    reasoning_effort: Literal["none", "minimal"] | None = None
    """For hosted models that think before they answer and refuse `max_tokens`, `temperature` and `stop`:
    `none` where the model knows it (gpt-5.1 and later), else `minimal` (gpt-5, gpt-5-mini). More thought
    would be cut by the answer's token limit. Such a model samples as it likes. Null: nothing of it is
    sent. Part of the content key when set; with `endpoint: chat` only."""
    concurrency: int = Field(8, ge=1)
    """Requests in flight. Changes speed only."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Requests let through a minute, evenly, retries included. None: no limit. Changes speed only."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """Prompt tokens (estimated) plus longest answers let through a minute, evenly. None: no limit. Changes
    speed only."""
    timeout_seconds: float = Field(120.0, gt=0)
    """Longest time for one whole reply, in seconds; then the request is sent again."""
    retries: int = Field(5, ge=0)
    """How often a request is sent again after 429, 5xx, a timeout, a broken connection or a reply that is
    no JSON; once after a whole reply that cannot be read, for it was paid."""
    usd_per_million_prompt: float | None = Field(None, ge=0)
    """Price of a million prompt tokens in US dollars, cached ones included. None: that of the price list
    in the package genai-prices, by `base_url` and model name; a model that the list does not know has no
    price, and a budget in dollars is refused."""
    usd_per_million_new: float | None = Field(None, ge=0)
    """Price of a million new tokens in US dollars. None: as above. Give what you pay: batch files are
    halved only by the list."""


def check_server(settings: ServerSettings) -> None:
    """Raises ConfigError for an address that is none or holds a password, which is not repeated, and for
    an effort that nothing reads."""
    if settings.reasoning_effort and settings.endpoint != "chat":
        raise ConfigError(
            "llm.server.reasoning_effort is read by endpoint chat only; leave it out, or set "
            "llm.server.endpoint to chat"
        )
    parts = urlsplit(settings.base_url)
    if parts.username or parts.password or parts.query:
        raise ConfigError(
            "llm.server.base_url holds a user, password or query; put the key into the variable named "
            "by llm.server.api_key_env"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"llm.server.base_url is {settings.base_url!r}; write it like http://127.0.0.1:8000/v1"
        )


def api_key(settings: ServerSettings) -> str | None:
    """The key from the environment, read at the moment of use and kept nowhere else."""
    return (os.environ.get(settings.api_key_env) or "").strip() or None if settings.api_key_env else None


def redacted(text: str, key: str | None) -> str:
    """A server's message, shortened, without the key or anything that looks like one.

    >>> redacted("Incorrect API key provided: sk-abcdef0123456789.", None)
    'Incorrect API key provided: [key].'
    """
    hidden = text.replace(key, "[key]") if key else text
    hidden = re.sub(r"\bsk-[\w*-]+", "[key]", hidden)
    return " ".join(hidden.split())[:200]
