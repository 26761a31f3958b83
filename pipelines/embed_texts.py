"""Beam pipeline: texts without a vector in, vectors in the ledger. One element is one batch of texts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import polars as pl

from nightshift.config import Settings
from nightshift.ledger import Ledgers
from pipelines.answer_prompts import run_batches
from pipelines.batches import cut
from pipelines.workers import loaded_encoder

BATCH_TEXTS = 512
"""Texts in one element: several encoder batches, one ledger part."""


@dataclass(frozen=True)
class TextBatch:
    """How one batch is embedded."""

    settings: Settings
    run_id: str

    def embed(self, rows: list[dict[str, Any]]) -> int:
        """Encode the texts and append their vectors. Returns how many."""
        encoder = loaded_encoder(self.settings.encoder, self.settings.cache_folder)
        vectors = encoder.encode([row["text"] for row in rows])  # (texts, dimension) unit length
        frame = pl.DataFrame(
            {
                "content_key": [row["content_key"] for row in rows],
                "encoder_id": encoder.encoder_id,
                "view": "text",
                "run_id": self.run_id,
                "vector": vectors,
            }
        )
        frame = frame.with_columns(pl.col("vector").arr.to_list()) if isinstance(frame.schema["vector"], pl.Array) else frame
        Ledgers(self.settings.home_folder).vectors.append(frame, self.run_id)
        return len(rows)


class EmbedBatch(beam.DoFn):
    """One element in, one batch embedded."""

    def __init__(self, batch: TextBatch) -> None:
        self.batch = batch

    def process(self, element: list[dict[str, Any]]) -> Iterator[int]:
        """Beam calls this for every element."""
        yield self.batch.embed(element)


def embed_texts(settings: Settings, run_id: str, texts: pl.DataFrame) -> dict[str, int]:
    """Embed what has no vector yet. `texts` holds `content_key, text`. Returns rows and how many were embedded now."""
    known = Ledgers(settings.home_folder).vectors.keys()
    distinct = texts.select("content_key", "text").unique("content_key", keep="first", maintain_order=True)
    pending = distinct.filter(~pl.col("content_key").is_in(known.implode()))
    if pending.height:
        run_batches(settings, list(cut(pending, BATCH_TEXTS)), EmbedBatch(TextBatch(settings, run_id)))
    return {"rows": distinct.height, "embedded": pending.height}
