"""What a call costs: as stated, as listed, or unknown; never nothing by accident, never from the network."""

import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.models.llm import LLMSettings
from nightshift.models.llm.prices import FREE, Price, price_of, unknown
from nightshift.models.llm.server import ServerSettings

NOWHERE = ServerSettings(base_url="http://127.0.0.1:9/v1")
ROOT = Path(__file__).parents[4]


def per_million(price: Price | None) -> tuple[float, float, float]:
    assert price is not None
    return tuple(round(each * 1e6, 6) for each in (price.prompt, price.cached, price.new))  # type: ignore[return-value]


def test_a_model_is_priced_by_its_name_wherever_the_server_is_and_whatever_its_revision() -> None:
    listed = per_million(price_of("gpt-4o-mini", NOWHERE))
    assert listed == (0.15, 0.075, 0.6)
    assert per_million(price_of("gpt-4o-mini@2024-07-18", NOWHERE)) == listed


def test_the_provider_at_the_address_comes_first() -> None:
    groq = ServerSettings(base_url="https://api.groq.com/openai/v1")
    assert per_million(price_of("llama-3.1-8b-instant", groq)) == (0.05, 0.05, 0.08)


def test_a_batch_file_costs_half_of_the_list() -> None:
    whole, half = (
        per_million(price_of("gpt-4o-mini", NOWHERE)),
        per_million(price_of("gpt-4o-mini", NOWHERE, batch=True)),
    )
    assert half == tuple(each / 2 for each in whole)
    assert LLMSettings(backend="openai", model="gpt-4o-mini", server=NOWHERE).cost(
        1_000_000, 0
    ) == pytest.approx(0.15)


def test_stated_prices_win_and_are_taken_as_they_are() -> None:
    both = ServerSettings(usd_per_million_prompt=2, usd_per_million_new=8)
    assert (
        per_million(price_of("gpt-4o-mini", both))
        == per_million(price_of("no such model", both, batch=True))
        == (2, 2, 8)
    )
    one = ServerSettings(usd_per_million_new=8)
    assert per_million(price_of("gpt-4o-mini", one)) == (0.15, 0.075, 8)
    assert per_million(price_of("gpt-4o-mini", ServerSettings(usd_per_million_prompt=1))) == (1, 1, 0.6)
    assert per_million(price_of("mine", ServerSettings(usd_per_million_prompt=0, usd_per_million_new=0))) == (
        0,
        0,
        0,
    )


def test_an_unknown_model_has_no_price_and_the_words_name_the_way_out() -> None:
    assert price_of("tiny@r1", NOWHERE) is None
    assert price_of("tiny", ServerSettings(usd_per_million_new=8)) is None, "half a price is none"
    assert LLMSettings(backend="openai", model="tiny@r1").cost(1, 1) is None
    assert unknown("tiny@r1").startswith("no price known for tiny; set llm.server.usd_per_million_prompt")


def test_models_on_ones_own_machine_cost_nothing() -> None:
    assert LLMSettings().price == LLMSettings(backend="echo").price == FREE
    assert LLMSettings().cost(10**9, 10**9, 10**8) == 0


def test_reused_prompt_tokens_cost_their_own_price() -> None:
    assert Price(2.0, 1.0, 10.0).cost(100, 10, cached_tokens=40) == 60 * 2 + 40 + 100


def test_the_list_is_not_loaded_before_it_is_needed_and_fetches_nothing() -> None:
    code = (
        "import sys, threading, nightshift.night.config\n"
        "assert 'genai_prices' not in sys.modules\n"
        "import socket\n"
        "socket.socket = None\n"
        "from nightshift.models.llm.prices import price_of\n"
        "from nightshift.models.llm.server import ServerSettings\n"
        "assert price_of('gpt-4o-mini', ServerSettings()) is not None\n"
        "assert threading.active_count() == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
