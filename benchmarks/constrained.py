"""Decoding held to a JSON schema against free decoding of the same rows, to the same lengths, by the same
loop.

The schema is that of `item_facts` in its JSON form. Free answers are cut where the constrained ones ended,
row by row, so that both write the same number of tokens in the same batches, and what differs is the
grammar alone. The last line but one says how many of the constrained answers are of the schema.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.timing import Comparison, compare
from nightshift.enrichments.item_facts.enrichment import item_facts
from nightshift.enrichments.item_facts.json_prompt import answer_model
from nightshift.enrichments.item_facts.settings import FactsSettings
from nightshift.models.llm.base import Decoding, FinishReason, Request
from nightshift.models.llm.decode import Row
from nightshift.models.llm.transformers import TransformersLLM, TransformersSettings
from nightshift.models.weights.weights import DEFAULT_CACHE
from nightshift.prompts.vocabulary import load_vocabulary
from nightshift.sources.datasets.movielens import load


class Replay(TransformersLLM):
    """Ends every row after as many tokens as it is told."""

    lengths: dict[str, int]

    def _ending(self, decoding: Decoding) -> Callable[[Row], FinishReason | None]:
        return lambda row: "stop" if len(row.written) >= self.lengths[row.key] else None


def requests(rows: int, cache: Path) -> list[Request]:
    """The most rated films, in the JSON form."""
    data = load("ml-100k", cache)
    often = (
        data.interactions.group_by("item_id")
        .len()
        .sort("len", "item_id", descending=[True, False])
        .head(rows)
    )
    items = often.join(data.items, on="item_id", how="left", maintain_order="left")
    prompt = item_facts(FactsSettings(form="json"), load_vocabulary("movies", Path()))
    texts = [prompt.build(row) for row in items.select(prompt.fields).iter_rows(named=True)]
    return [
        Request(str(place), prompt.instructions, text, prompt.decoding) for place, text in enumerate(texts)
    ]


def measure(rows: int, batch: int, runs: int, cache: Path) -> Comparison:
    """Tokens by CPU second of both."""
    settings = TransformersSettings(batch_size=batch)
    held, free = TransformersLLM(settings, cache), Replay(settings, cache)
    asked = requests(rows, cache)
    plain = asked[0].decoding.model_copy(update={"json_schema": None})
    unheld = [Request(request.key, request.instructions, request.text, plain) for request in asked]
    answers = held.answer(asked)
    free.lengths = {answer.key: answer.new_tokens for answer in answers}
    model = answer_model(load_vocabulary("movies", Path()), FactsSettings().max_summary_chars)
    whole = sum(bool(model.model_validate_json(answer.text)) for answer in answers)
    done = compare(
        "constrained",
        lambda: sum(answer.new_tokens for answer in held.answer(asked)),
        lambda: sum(answer.new_tokens for answer in free.answer(unheld)),
        "tokens/CPU s",
        runs,
    )
    print(f"{whole} of {len(answers)} constrained answers are of the schema")
    return done


def main() -> None:
    """Parse the options, measure, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    print(measure(options.rows, options.batch, options.runs, options.cache.expanduser()).line())


if __name__ == "__main__":
    main()
