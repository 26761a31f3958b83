"""Group `items`: what a language model and a text encoder understood of the catalogue."""

import dataclasses

import dagster as dg
import polars as pl

from assets.answering import MODEL_POOL, ask
from assets.declare import Events, manifests, publish, table_asset
from assets.embedding import embed
from assets.night_comparisons import (
    COST,
    DISTINCT,
    FALLBACK_SHARE,
    OPENINGS,
    REPEATED,
    VECTOR_DRIFT,
    drifted,
    fallen_back,
    spending,
)
from assets.pictures import frequencies, item_map
from assets.resources import Nightshift
from assets.samples import each_origin
from nightshift.enrichments import assembly as written
from nightshift.enrichments.fallbacks import counts, fallbacks
from nightshift.enrichments.item_tag_scores.calibration import freeze_centres
from nightshift.enrichments.item_tag_scores.prompt import fit_centres
from nightshift.night.checks import (
    coverage,
    distinct_vectors,
    not_scored,
    one_row_each,
    reject_share,
    repeated_answers,
    similar_openings,
    tag_drift,
    vectors_are_sound,
)
from nightshift.tables import GROUP_FACTS, INTERACTIONS, ITEM_EMBEDDINGS, ITEM_FACTS, ITEM_TAG_SCORES, ITEMS

REJECT_SHARE = "The share of answers that were not accepted is below `checks.max_reject_share`."


def _titled(sample: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The sample with each item's title after its id."""
    titles = items.select("item_id", "title")
    return (
        sample.select("item_id")
        .join(titles, on="item_id", how="left", maintain_order="left")
        .hstack(sample.drop("item_id"))
    )


@table_asset(
    GROUP_FACTS,
    group="items",
    kinds={"ai", "beam"},
    deps=[ITEMS, INTERACTIONS],
    pool=MODEL_POOL,
    checks={
        "one_row_each": "Every group has exactly one row.",
        "warn:reject_share": REJECT_SHARE,
        "warn:repeated_answers": REPEATED,
        "warn:similar_openings": OPENINGS,
        "warn:cost": COST,
    },
)
def group_facts(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """One sentence for every group of items that share an attribute: what an item says that has no
    sentence of its own. Asked first.

    Groups are few, so that a few bad answers are a large share: `reject_share` only warns here.
    """
    night = nightshift.night(context)
    groups = night.groups(night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of))
    requests = night.group_requests(groups)
    numbers = ask(context, night, "group_facts", requests)
    table = written.group_facts(night, groups, requests)
    refused = reject_share(table.rejects, table.answered, night.settings.checks.max_reject_share)
    yield from publish(
        night,
        GROUP_FACTS,
        table.frame,
        [
            one_row_each(table.frame, groups, "group"),
            dataclasses.replace(refused, blocking=False),
            repeated_answers(table.frame, night.settings.checks),
            similar_openings(table.frame, night.settings.checks),
            spending(night, "group_facts"),
        ],
        inputs=manifests(night, ITEMS, INTERACTIONS),
        rejects=table.rejects,
        fallbacks=fallbacks(table.frame),
        numbers=numbers | {f"origin: {origin}": n for origin, n in counts(table.frame).items()},
        sample=each_origin(table.frame),
    )


@table_asset(
    ITEM_TAG_SCORES,
    group="items",
    kinds={"ai", "beam"},
    deps=[ITEMS, INTERACTIONS],
    pool=MODEL_POOL,
    checks={
        "coverage": "The model has read nearly every item (`checks.min_tag_coverage`).",
        "warn:tag_drift": "The frequencies of the strongest tags are close to those of the night before.",
        "warn:cost": COST,
    },
)
def item_tag_scores(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Log-probabilities of a closed vocabulary after each item, centred per tag; the model's state while
    choosing is kept as a vector."""
    night = nightshift.night(context)
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    requests = night.item_requests("item_tag_scores", items, events)
    numbers = ask(context, night, "item_tag_scores", night.askable("item_tag_scores", requests))
    rows = written.scored_items(night, requests)
    freeze_centres(night, fit_centres(rows, night.vocabulary), rows.height, items.height)
    table = written.item_tag_scores(night, requests)
    last = night.store.read_or_empty(ITEM_TAG_SCORES, night.store.before(ITEM_TAG_SCORES, night.as_of))
    limits, llm = night.settings.checks, night.settings.llm
    read = table.frame["item_id"].n_unique()
    enough = coverage(
        read + numbers["deferred"],
        items.height,
        limits.min_tag_coverage,
        "items read by the model or deferred by the budget",
    )
    yield from publish(
        night,
        ITEM_TAG_SCORES,
        table.frame,
        [
            enough if llm.can_score else not_scored(llm.backend),
            tag_drift(table.frame, last, limits.max_tag_drift),
            spending(night, "item_tag_scores"),
        ],
        inputs=manifests(night, ITEMS),
        fallbacks=fallbacks(table.frame) | {"deferred": numbers["deferred"]},
        numbers=numbers | {"items read": read, "coverage": round(read / max(items.height, 1), 4)},
        sample=_titled(
            table.frame.sort("score", descending=True).unique("tag", keep="first", maintain_order=True), items
        ),
    )


@table_asset(
    ITEM_FACTS,
    group="items",
    kinds={"ai", "beam"},
    deps=[ITEMS, INTERACTIONS, ITEM_TAG_SCORES, GROUP_FACTS],
    pool=MODEL_POOL,
    checks={
        "one_row_each": "Every item has exactly one row.",
        "reject_share": REJECT_SHARE,
        "warn:fallback_share": FALLBACK_SHARE,
        "warn:repeated_answers": REPEATED,
        "warn:similar_openings": OPENINGS,
        "warn:cost": COST,
    },
)
def item_facts(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """One sentence about every item. Where the budget ends: last night's, else its group's, else a
    template; `origin` says which."""
    night = nightshift.night(context)
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    requests = night.item_requests("item_facts", items, events)
    numbers = ask(context, night, "item_facts", requests)
    table = written.item_facts(
        night,
        items,
        requests,
        night.store.read(ITEM_TAG_SCORES, night.as_of),
        night.store.read(GROUP_FACTS, night.as_of),
    )
    yield from publish(
        night,
        ITEM_FACTS,
        table.frame,
        [
            one_row_each(table.frame, items, "item_id"),
            reject_share(table.rejects, table.answered, night.settings.checks.max_reject_share),
            fallen_back(night, ITEM_FACTS, table.frame, numbers["deferred"]),
            repeated_answers(table.frame, night.settings.checks),
            similar_openings(table.frame, night.settings.checks),
            spending(night, "item_facts"),
        ],
        inputs=manifests(night, ITEMS, ITEM_TAG_SCORES, GROUP_FACTS),
        rejects=table.rejects,
        fallbacks=fallbacks(table.frame),
        numbers=numbers | {f"origin: {origin}": n for origin, n in counts(table.frame).items()},
        draw=lambda: frequencies(night, ITEM_FACTS, "tags", table.frame, "most frequent tags"),
        sample=_titled(each_origin(table.frame), items),
    )


@table_asset(
    ITEM_EMBEDDINGS,
    group="items",
    kinds={"ai", "beam"},
    deps=[ITEMS, ITEM_FACTS, ITEM_TAG_SCORES],
    pool=MODEL_POOL,
    checks={
        "vectors_are_sound": "Vectors are finite, encoder views have unit length, no view mixes encoders or "
        "widths.",
        "coverage": "Every item has a vector of its source text.",
        "distinct_vectors": DISTINCT,
        "warn:vector_drift": VECTOR_DRIFT,
    },
)
def item_embeddings(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Three views of every item: its source text, what the model wrote, and the model's own state while it
    chose tags."""
    night = nightshift.night(context)
    items = night.store.read(ITEMS, night.as_of)
    texts = written.item_texts(night, items, night.store.read(ITEM_FACTS, night.as_of))
    numbers = embed(context, night, texts)
    frame = written.item_embeddings(night, texts, night.store.read(ITEM_TAG_SCORES, night.as_of))
    raw = frame.filter(frame["view"] == "raw").height
    yield from publish(
        night,
        ITEM_EMBEDDINGS,
        frame,
        [
            vectors_are_sound(frame),
            coverage(raw, items.height, 1.0, "items with a vector of their source text"),
            distinct_vectors(frame, texts, night.settings.checks.max_equal_vectors),
            drifted(night, ITEM_EMBEDDINGS, frame),
        ],
        inputs=manifests(night, ITEMS, ITEM_FACTS, ITEM_TAG_SCORES),
        numbers=numbers,
        draw=lambda: item_map(items, frame),
    )
