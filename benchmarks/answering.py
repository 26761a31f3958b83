"""The answering stage, Beam and ledger included, against hand-written transformers loops over the same
prompts.

Same weights, number type, batch size and batches; the peers read every prompt whole, as a script would,
and may stop a row at its stop text. `--what summaries` compares `answer` with `generate`; `--what tags`
compares `score`, all facets in one pass, with one forward pass a facet. Each of our runs starts from an
empty ledger; the model is loaded by the warm-up.
"""

import argparse
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.timing import Comparison, compare
from jobs.demo import TEMPLATE
from nightshift.models.weights.weights import DEFAULT_CACHE, prepare_llm
from nightshift.night.config import Settings, load_settings
from nightshift.night.night import Night
from nightshift.sources.datasets.movielens import load
from pipelines.answer_prompts import answer_prompts
from pipelines.batches import cut

AS_OF = date(1998, 4, 23)
TABLES = {"summaries": "item_facts", "tags": "item_tag_scores"}


def measure(what: str, rows: int, runs: int, cache: Path, folder: Path) -> Comparison:
    """Rows by CPU second of both."""
    table = TABLES[what]
    data = load("ml-100k", cache)
    night = Night(_settings(folder, "requests", cache), AS_OF)
    requests = night.given(data.items, data.interactions).step(table).requests.head(rows)
    prompt, batches = (
        night.prompts[table],
        [batch["text"].to_list() for batch in cut(requests, night.settings.beam.batch_rows)],
    )
    peer = Peer(cache)

    def ours() -> float:
        shutil.rmtree(folder / "home" / "ledger", ignore_errors=True)
        answer_prompts(_settings(folder, "home", cache), table, AS_OF, "bench", requests)
        return requests.height

    def theirs() -> float:
        return sum(
            peer.score(prompt, batch) if prompt.questions else peer.generate(prompt, batch)
            for batch in batches
        )

    return compare(f"answering {what}", ours, theirs, "rows/CPU s", runs)


def _settings(folder: Path, home: str, cache: Path) -> Settings:
    template = Path(__file__).parents[1] / "jobs" / TEMPLATE
    return load_settings(template, folder / home).model_copy(update={"cache": cache})


class Peer:
    """What a careful script does with transformers."""

    def __init__(self, cache: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from nightshift.models.weights.arithmetic import number_type

        folder = prepare_llm("smollm2-135m-instruct", cache)
        self.torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, number_type("auto"))
        )

    def _read(self, texts: list[str]) -> Any:
        return self.tokenizer(texts, return_tensors="pt", padding=True)

    def generate(self, prompt: Any, batch: list[str]) -> int:
        """Whole prompts, greedy, stopping each row at its stop text."""
        tokens, d = self._read([prompt.instructions + text for text in batch]), prompt.decoding
        with self.torch.inference_mode():
            self.model.generate(
                **tokens,
                max_new_tokens=d.max_new_tokens,
                do_sample=False,
                repetition_penalty=d.repetition_penalty,
                stop_strings=list(d.stop),
                tokenizer=self.tokenizer,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return len(batch)

    def score(self, prompt: Any, batch: list[str]) -> int:
        """One forward pass a facet; the next-token probabilities of its tags."""
        for question in prompt.questions:
            tokens = self._read([prompt.instructions + text + question.stem for text in batch])
            first = [self.tokenizer(choice).input_ids[0] for choice in question.choices]
            with self.torch.inference_mode():
                logits = self.model(**tokens, logits_to_keep=1).logits[:, -1].float()
                logits.log_softmax(-1)[:, first].numpy()
        return len(batch)


def main() -> None:
    """Parse the options, measure, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=sorted(TABLES), default="summaries")
    parser.add_argument("--rows", type=int, default=192)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(measure(options.what, options.rows, options.runs, options.cache, Path(folder)).line())


if __name__ == "__main__":
    main()
