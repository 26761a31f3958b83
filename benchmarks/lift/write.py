"""Let a larger local model describe every film of MovieLens-100K, and export what it said for the backend
`recorded`.

Runs unattended: each batch is in the ledger of `--home` as soon as it is answered, so that a killed run
goes on where it was. The file holds item ids and the model's own words, nothing of MovieLens.
Qwen2.5-Coder-1.5B takes 26 minutes of two cores through `transformers` (bfloat16, 48 rows at once), and
about two hours through `llama_cpp`.

python -m benchmarks.lift.write --out examples/recorded/movielens_100k_qwen.parquet
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.lift.content import answer, night_of
from benchmarks.lift.movielens_100k import FIRST
from benchmarks.lift.options import parser
from nightshift.sources.datasets.movielens import load

BACKENDS: dict[str, dict[str, Any]] = {
    "llama_cpp": {
        "backend": "llama_cpp",
        "context_tokens": 2048,
        "llama_cpp": {"endpoint": "chat", "slots": 8},
    },
    "transformers": {"backend": "transformers", "batch_size": 48},
}


def main() -> None:
    """Ask what is missing, then write the file."""
    asked = parser(__doc__)
    asked.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    asked.add_argument("--backend", choices=tuple(BACKENDS), default="transformers")
    asked.add_argument("--form", choices=("line", "json"), default="json")
    asked.add_argument(
        "--films", type=int, help="only the most rated ones; a later run without it goes on with the rest"
    )
    asked.add_argument("--out", type=Path, required=True)
    given = asked.parse_args()
    data = load("ml-100k", given.cache)
    llm = BACKENDS[given.backend] | {"model": given.model}
    night = night_of(data.mapping, FIRST, given.home / "movielens_100k_write", given.cache, llm, given.form)
    step = night.given(data.items, data.interactions).step("item_facts")
    requests = step.requests
    answer(night, replace(step, requests=requests.head(given.films or requests.height)))
    said = night.ledgers.answers.lookup(requests["content_key"], ["content_key", "text"])
    rows = (
        requests.join(said.rename({"text": "answer"}), on="content_key")
        .select(item_id="row_id", answer="answer")
        .sort("item_id")
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(given.out)
    spent = night.ledgers.answers.query(lambda every: every.select(pl.col("seconds", "new_tokens").sum()))
    print(
        f"{rows.height:,} of {requests.height:,} films in {given.out}, written by {night.identity.model_id}"
    )
    minutes, tokens = spent["seconds"][0] / 60, spent["new_tokens"][0]
    print(
        f"model time {minutes:.1f} min, {tokens:,} new tokens, prompt {night.prompts['item_facts'].prompt_id}"
    )


if __name__ == "__main__":
    main()
