"""Beam pipeline: texts without a vector in, vectors in the ledger. One element is one batch of texts."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from nightshift.night.config import Settings
from nightshift.storage.ledger import Ledgers
from pipelines.batches import cut
from pipelines.runners import do_all
from pipelines.workers import loaded_encoder

BATCH_TEXTS = 512
"""Texts in one element: several encoder batches, one ledger part."""


@dataclass(frozen=True)
class TextBatch:
    """How a batch is embedded."""

    settings: Settings
    run_id: str

    @cached_property
    def ledgers(self) -> Ledgers:
        """Where vectors go."""
        return Ledgers(self.settings.home_folder)

    def do(self, rows: pl.DataFrame) -> int:
        """Encode the texts and append their vectors. Returns how many."""
        encoder = loaded_encoder(self.settings.encoder, self.settings.cache_folder)
        vectors = encoder.encode(rows["text"].to_list())  # (texts, dimension) unit length
        frame = pl.DataFrame(
            {
                "content_key": rows["content_key"],
                "encoder_id": encoder.encoder_id,
                "view": "text",
                "run_id": self.run_id,
                "vector": vectors,
            }
        )
        frame = (
            frame.with_columns(pl.col("vector").arr.to_list())
            if isinstance(frame.schema["vector"], pl.Array)
            else frame
        )
        self.ledgers.vectors.append(frame, self.run_id)
        return rows.height

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The texts without a vector."""
        return rows.join(
            self.ledgers.vectors.lookup(rows["content_key"], ["content_key"]), on="content_key", how="anti"
        )

    def tidy(self) -> None:
        """Keep the number of parts bounded."""
        self.ledgers.vectors.compact()


def embed_texts(settings: Settings, run_id: str, texts: pl.DataFrame) -> dict[str, int]:
    """Embed what has no vector yet. `texts` holds `content_key, text`. Returns rows and how many were
    embedded now."""
    known = Ledgers(settings.home_folder).vectors.keys()
    distinct = texts.select("content_key", "text").unique("content_key", keep="first", maintain_order=True)
    pending = distinct.filter(~pl.col("content_key").is_in(known.implode()))
    if pending.height:
        do_all(settings, run_id, cut(pending, BATCH_TEXTS), TextBatch(settings, run_id))
    return {"rows": distinct.height, "embedded": pending.height}
