"""The backend `openai` against a bare asyncio client: the same requests to the same llama.cpp server,
equally many at once.

The server is a process of its own with the small model. The peer speaks HTTP over plain asyncio streams,
keeps its connections, and does nothing for a reply but read its JSON: no limits, no retries, no checks.
Prompts are the summaries of MovieLens-100K. Rates are new tokens a second of wall time, since most of the
work is the server's.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.answering import AS_OF
from benchmarks.timing import Comparison, Contestant
from jobs.demo import TEMPLATE
from nightshift.models.llm.base import Request
from nightshift.models.llm.llama_server import llama_server
from nightshift.models.llm.openai import OpenAILLM, OpenAISettings, payload
from nightshift.models.llm.server import ServerSettings
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.night.config import load_settings
from nightshift.night.night import Night
from nightshift.sources.datasets.movielens import load


def measure(rows: int, runs: int, concurrency: int, cache: Path) -> Comparison:
    """New tokens a second of both; the warm-up lets every slot of the server read the instructions."""
    requests = film_requests(rows, cache)
    with llama_server(slots=concurrency, context_tokens=1024, cache=cache) as url:
        server = {"base_url": url, "endpoint": "completions", "concurrency": concurrency, "api_key_env": None}
        llm = OpenAILLM(
            OpenAISettings.model_validate(
                {"model": "smollm2@b179c952", "context_tokens": 1024, "server": server}
            )
        )

        def ours() -> float:
            return sum(answer.new_tokens for answer in llm.answer(requests))

        def peer() -> float:
            return asyncio.run(ask_all(url, requests, concurrency))

        try:
            return alternate(ours, peer, runs)
        finally:
            llm.close()


def film_requests(rows: int, cache: Path) -> list[Request]:
    """The prompts of a night's summaries."""
    data = load("ml-100k", cache)
    night = Night(load_settings(Path(__file__).parents[1] / "jobs" / TEMPLATE), AS_OF)
    prompt = night.prompts["item_facts"]
    texts = night.given(data.items, data.interactions).step("item_facts").requests.head(rows)
    return [
        Request(key, prompt.instructions, text, prompt.decoding)
        for key, text in texts.select("content_key", "text").iter_rows()
    ]


def alternate(ours: Contestant, peer: Contestant, runs: int) -> Comparison:
    """Both `runs` times after a warm-up, the first place alternating."""
    ours(), peer()
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    for run in range(runs):
        order = [("ours", ours), ("peer", peer)]
        for label, contestant in order if run % 2 == 0 else order[::-1]:
            began = time.perf_counter()
            rates[label].append(contestant() / (time.perf_counter() - began))
        print(
            f"run {run + 1}/{runs}: ours {rates['ours'][-1]:.4g}, peer {rates['peer'][-1]:.4g} new tokens/s",
            flush=True,
        )
    return Comparison("openai_server", "new tokens/s", rates["ours"], rates["peer"])


async def ask_all(url: str, requests: list[Request], concurrency: int) -> float:
    """New tokens of all replies."""
    line = iter(requests)
    return float(sum(await asyncio.gather(*(_connection(url, line) for _ in range(concurrency)))))


async def _connection(url: str, line: Iterator[Request]) -> int:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    tokens = 0
    for request in line:
        asked = payload("smollm2", ServerSettings(endpoint="completions"), request, request.text)
        body = json.dumps(
            asked | asked.pop("extra_body", {})
        ).encode()  # what the client of ours sends, field by field
        head = (
            f"POST {parts.path}/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: "
            f"application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        tokens += json.loads(await _body(reader))["usage"]["completion_tokens"]
    writer.close()
    return tokens


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:"))
    return await reader.readexactly(int(length))


def main() -> None:
    """Print one line for each run and the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    given = parser.parse_args()
    print(measure(given.rows, given.runs, given.concurrency, given.cache).line())


if __name__ == "__main__":
    main()
