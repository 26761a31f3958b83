"""Our sentence encoder against `SentenceTransformer.encode`: same texts, same weights, same number type
and batch size.

The texts are made up from a fixed seed to look like a catalogue: titles with genres, some with a
description, 6 to 120 words, and a tenth of them repeated, as re-listed items are (`--repeats 0` leaves
them out).
"""

import argparse
import random
from pathlib import Path

from benchmarks.timing import Comparison, compare
from nightshift.models.encoders.sentence import SentenceEncoder, SentenceSettings
from nightshift.models.weights.weights import DEFAULT_CACHE, prepare_encoder

MODEL = "all-minilm-l6-v2"
WORDS = (
    "a lonely young old detective singer family train city winter night secret dream love war money "
    "island summer house road river "
    "and the of in with finds loses returns remembers against under after before two three brothers "
    "sisters friends strangers"
).split()
GENRES = (
    "Action",
    "Comedy",
    "Crime",
    "Drama",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Thriller",
    "Western",
)


def item_texts(count: int, repeats: float, seed: int = 7) -> list[str]:
    """Catalogue-like texts, of which a share `repeats` are copies of others."""
    draw = random.Random(seed)
    texts = [_item_text(draw) for _ in range(count - int(count * repeats))]
    texts += [draw.choice(texts) for _ in range(count - len(texts))]
    draw.shuffle(texts)
    return texts


def _item_text(draw: random.Random) -> str:
    title = " ".join(draw.choices(WORDS, k=draw.randint(2, 8))).title()
    head = f"{title} ({draw.randint(1930, 1998)}). {', '.join(draw.sample(GENRES, draw.randint(1, 3)))}."
    length = 0 if draw.random() < 0.4 else draw.randint(8, 110)
    return f"{head} {' '.join(draw.choices(WORDS, k=length))}".strip()


def measure(count: int, repeats: float, dtype: str, batch_size: int, runs: int, cache: Path) -> Comparison:
    """Texts by CPU second of both."""
    import torch
    from sentence_transformers import SentenceTransformer

    texts = item_texts(count, repeats)
    settings = SentenceSettings.model_validate({"model": MODEL, "dtype": dtype, "batch_size": batch_size})
    encoder = SentenceEncoder(settings, cache)
    peer = SentenceTransformer(
        str(prepare_encoder(MODEL, cache)), device="cpu", model_kwargs={"dtype": getattr(torch, dtype)}
    )

    def theirs() -> float:
        return len(
            peer.encode(texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False)
        )

    return compare("embedding", lambda: len(encoder.encode(texts)), theirs, "texts/CPU s", runs)


def main() -> None:
    """Parse the options, measure, print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1500)
    parser.add_argument("--repeats", type=float, default=0.1, help="share of texts that are copies")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    found = measure(
        options.texts, options.repeats, options.dtype, options.batch_size, options.runs, options.cache
    )
    print(found.line())


if __name__ == "__main__":
    main()
