"""What models wrote of a catalogue by one night: the steps of the nightly assets, from requests to
vectors, without publishing.

Recorded answers go the way of any answer: a request a row, the ledger, the parser and its refusals, then
the encoder.
"""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from assets.answering import planned, spend
from nightshift.enrichments import views
from nightshift.enrichments.engine import Step, assembled, settled
from nightshift.enrichments.entities import ITEM
from nightshift.enrichments.fallbacks import counts
from nightshift.features.content import Snapshot
from nightshift.night.config import Settings
from nightshift.night.night import Night
from nightshift.night.plan import TablePlan
from nightshift.sources.settings import SourcesSettings
from nightshift.tables import ITEM_EMBEDDINGS

LONGEST = 200
"""Words of a recorded sentence that is accepted: the recordings were made without a limit."""


def recorded_by(model: str, recording: Path, key: str, answer: str) -> dict[str, Any]:
    """The `llm` block that reads a recording."""
    return {
        "backend": "recorded",
        "model": model,
        "recorded": {"item_facts": {"path": str(recording.resolve()), "key": key, "answer": answer}},
    }


def night_of(
    sources: SourcesSettings,
    as_of: date,
    home: Path,
    cache: Path,
    llm: dict[str, Any] | None = None,
    form: str = "line",
    **blocks: Any,
) -> Night:
    """A night of one data set; without `llm` nothing is recorded and only source texts are embedded.
    `blocks`: more of nightshift.yaml."""
    raw = {
        "sources": sources,
        "nights": {"first": as_of},
        "llm": llm or {"backend": "recorded", "model": "nobody@nothing"},
        "facts": {"form": form}
        | ({} if llm and llm["backend"] != "recorded" else {"max_summary_words": LONGEST}),
        "home": home.resolve(),
        "cache": cache,
    } | blocks
    return Night(Settings.model_validate(raw), as_of, "lift")


def written_by(night: Night, items: pl.DataFrame, events: pl.DataFrame) -> Snapshot:
    """Scores, facts and vectors of the catalogue as of the night; says what became of the answers."""
    tables = night.given(items, events)
    scoring = tables.step("item_tag_scores")
    answer(night, scoring)
    scores = settled(scoring).frame
    asking = tables.step("item_facts")
    answer(night, asking)
    facts = assembled(asking)
    reasons = dict(facts.rejects.group_by("reason").len().sort("reason").iter_rows())
    read = scoring.scored.height
    print(f"scored items: {read}; facts by origin: {counts(facts.frame)}; rejected: {reasons}", flush=True)
    written = [(scoring.context, scores), (asking.context, facts.frame)]
    texts = views.item_texts(night.encoder_id, items, [(c.each, frame) for c, frame in written], ITEM)
    _embed(night, texts)
    return Snapshot(
        item_tag_scores=scores,
        item_facts=facts.frame,
        item_embeddings=views.embeddings(written, texts, ITEM_EMBEDDINGS, night.ledgers),
    )


def answer(night: Night, step: Step) -> None:
    """Ask what is not in the ledger yet, re-asks included."""
    from pipelines.answer_prompts import answer_prompts

    def ask(plan: TablePlan) -> None:
        print(
            f"{step.each.name}: asking {plan.reserved.height:,} of {step.requests.height:,} rows, "
            f"{plan.answered:,} "
            f"are in the ledger",
            flush=True,
        )
        answer_prompts(night.settings, step.each.name, night.as_of, night.run_id, plan.reserved)

    spend(lambda: planned(night, step), ask)


def _embed(night: Night, texts: pl.DataFrame) -> None:
    from pipelines.embed_texts import embed_texts

    print(f"vectors: {embed_texts(night.settings, night.run_id, texts)}", flush=True)
