"""Embed the texts that have no vector yet."""

import time
from typing import Any

import dagster as dg
import polars as pl

from assets.heartbeats import Teller
from nightshift.night.heartbeat import TextHeartbeat
from nightshift.night.night import Night


def embed(context: dg.AssetExecutionContext, night: Night, texts: pl.DataFrame) -> dict[str, Any]:
    """Vectors of the texts enter the ledger. Returns the numbers the asset page shows."""
    known = night.ledgers.vectors.keys()
    pending = texts.filter(~pl.col("content_key").is_in(known.implode()))
    started = time.monotonic()
    if pending.height:
        from pipelines.embed_texts import (
            embed_texts,  # Beam and the encoder load only when there is something to embed
        )

        table, count = f"{texts.columns[0].removesuffix('_id')}_embeddings", pending["content_key"].n_unique()
        context.log.info(f"embedding {count:,} of {texts.height:,} texts with {night.encoder_id}")
        with TextHeartbeat(
            night.ledgers, table, night.run_id, count, texts.height - pending.height, Teller(context, night)
        ):
            embed_texts(night.settings, night.run_id, pending)
        night.ledgers.compact()
    seconds = time.monotonic() - started
    return {
        "texts": texts.height,
        "embedded": pending["content_key"].n_unique(),
        "hit rate": round(1 - pending.height / max(texts.height, 1), 4),
        "seconds": round(seconds, 2),
        "texts/s": round(pending.height / seconds, 1) if pending.height else 0.0,
        "encoder": night.encoder_id,
    }
