"""What tokens of a server's model cost, in US dollars: as nightshift.yaml states it, else as the price
list that genai-prices ships.

The list is the one inside the installed package: nothing is fetched, and a newer list comes with a newer
package. A model that it does not know has no price, which is not the same as costing nothing.
"""

import logging
from dataclasses import dataclass
from functools import cache

from nightshift.errors import ModelUnavailable
from nightshift.models.llm.server import ServerSettings

log = logging.getLogger(__name__)
BATCH_SHARE = 0.5
"""What a call in a provider's batch file costs of its list price (OpenAI, Anthropic, Google and Mistral
alike, 2026)."""
_PROBE = 1000
"""Tokens priced to learn a rate: far below the context lengths from which some models cost more."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a token."""

    prompt: float
    cached: float
    """A prompt token that the server reused."""
    new: float

    def cost(self, prompt_tokens: float, new_tokens: float, cached_tokens: float = 0) -> float:
        """What a call costs. `cached_tokens` are some of the prompt tokens.

        >>> Price(prompt=2e-6, cached=1e-6, new=8e-6).cost(500_000, 250_000, cached_tokens=100_000)
        2.9
        """
        computed = prompt_tokens - cached_tokens
        return computed * self.prompt + cached_tokens * self.cached + new_tokens * self.new


FREE = Price(0.0, 0.0, 0.0)
"""A model on one's own machine."""


@cache
def price_of(model: str, server: ServerSettings, batch: bool = False) -> Price | None:
    """The price of `name@revision` on that server, or None where nobody has stated one.

    Prices in the settings are taken as they are, cached tokens included; those of the list are halved for
    batch files.
    Raises ModelUnavailable when the list is needed and its package is missing.
    """
    stated_prompt, stated_new = server.usd_per_million_prompt, server.usd_per_million_new
    if stated_prompt is not None and stated_new is not None:
        return Price(stated_prompt / 1e6, stated_prompt / 1e6, stated_new / 1e6)
    listed = _listed(_name(model), server.base_url)
    if listed is None:
        return None
    share = BATCH_SHARE if batch else 1.0
    prompt, cached = (
        (listed.prompt * share, listed.cached * share)
        if stated_prompt is None
        else (stated_prompt / 1e6,) * 2
    )
    return Price(prompt, cached, listed.new * share if stated_new is None else stated_new / 1e6)


def _name(model: str) -> str:
    name, _, revision = model.rpartition("@")
    return name if name and revision else model


def _listed(name: str, address: str) -> Price | None:
    """By the provider at the address, else by the provider that the name belongs to."""
    try:
        import genai_prices
    except ImportError as error:
        raise ModelUnavailable(
            "the price list needs the package genai-prices: pip install 'nightshift[servers]'"
        ) from error

    def rate(prompt: int, cached: int, new: int) -> float:
        usage = genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=new)
        try:
            found = genai_prices.calc_price(usage, name, provider_api_url=address)
        except LookupError:
            found = genai_prices.calc_price(usage, name)
        return float(found.total_price) / _PROBE

    try:
        return Price(rate(_PROBE, 0, 0), rate(_PROBE, _PROBE, 0), rate(0, 0, _PROBE))
    except LookupError:
        return None


def unknown(model: str) -> str:
    """What is said, once, of a model without a price."""
    return (
        f"no price known for {_name(model)}; set llm.server.usd_per_million_prompt and "
        f"llm.server.usd_per_million_new "
        "(0 and 0 for a server of your own)"
    )


@cache
def warn_unknown(model: str) -> None:
    """Say it in the log, once a process."""
    log.warning(unknown(model))
