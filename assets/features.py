"""Group `features`: flat columns for any ranker, and training rows that knew nothing of their future."""

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from assets.declare import Events, manifests, publish, table_asset
from assets.resources import Nightshift
from assets.samples import each_family
from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import Registry, fitted
from nightshift.night.checks import Checked, one_row_each
from nightshift.night.night import Night
from nightshift.tables import (
    CANDIDATES,
    INTERACTIONS,
    ITEM_CODES,
    ITEM_EMBEDDINGS,
    ITEM_FEATURES,
    ITEMS,
    RANKING_EXAMPLES,
    USER_EMBEDDINGS,
    USER_FEATURES,
    Table,
)

if (
    TYPE_CHECKING
):  # SciPy costs a fifth of a second; the assets that compute import it, the code location does not
    from nightshift.features.content import Snapshot
    from nightshift.features.examples import ExampleInputs
    from nightshift.features.proofs import Difference


def written(registry: Registry) -> list[Table]:
    """Tables of a night that features are made of: enrichments that have some, and the vectors."""
    return [
        *(each.table for each in registry.values() if each.features),
        ITEM_EMBEDDINGS,
        USER_EMBEDDINGS,
    ]


def read_in_training(registry: Registry) -> list[Table]:
    """The same with the semantic ids."""
    return [*written(registry), ITEM_CODES]


HOLDS = "no value depends on its row's moment or anything after it"
FITS = "No row reads a fit that is as young as itself, and no fit knows what came after it."
ONE_ROW = "Every {} has exactly one row."


def snapshot(night: Night, as_of: date) -> "Snapshot":
    """What the models had written by a night; a table that night did not publish is empty."""
    from nightshift.features.content import Snapshot

    wanted = [night.tables[name] for name in night.content_spec.tables]
    return Snapshot({table.name: night.store.read_or_empty(table, as_of) for table in wanted})


def example_inputs(night: Night) -> "ExampleInputs":
    """Everything that the rows of a night's `ranking_examples` are made of."""
    from nightshift.features.examples import ExampleInputs

    nights = night.nights_with_content()
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    return ExampleInputs(
        items,
        events,
        {day: snapshot(night, day) for day in nights},
        implicit=implicit(night),
        spec=night.content_spec,
    )


def implicit(night: Night) -> bool:
    """Whether the source says only what users chose."""
    return night.settings.sources.interactions.feedback == "implicit"


def scored(registry: Registry) -> list[Table]:
    """Tables whose scores are vectors of their own."""
    tables = content_spec(registry).scores.values()
    return [registry[name].table for name in tables]


@table_asset(ITEM_CODES, group="features", kinds={"faiss"}, deps=[ITEMS, ITEM_EMBEDDINGS, scored])
def item_codes(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """The night's vectors quantized by frozen codebooks. Says how often ids collide, how even codes are,
    how stable a refit is."""
    from nightshift.features.codebooks import Codebooks
    from nightshift.features.codes import vectors_of

    night = nightshift.night(context)
    read, tables = night.store.read, night.content_spec.scores
    scores = {view: read(night.tables[name], night.as_of) for view, name in tables.items()}
    books = Codebooks(night.settings.home_folder, night.as_of, night.settings.codes, night.run_id)
    coded = books.code(
        vectors_of(read(ITEM_EMBEDDINGS, night.as_of), scores), read(ITEMS, night.as_of).height
    )
    inputs = manifests(night, ITEMS, ITEM_EMBEDDINGS, *scored(night.registry))
    yield from publish(night, ITEM_CODES, coded.table, inputs=inputs, numbers=coded.numbers)


@table_asset(
    ITEM_FEATURES,
    group="features",
    kinds={"polars"},
    deps=[ITEMS, INTERACTIONS, written],
    checks={"one_row_each": ONE_ROW.format("item")},
)
def item_features(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Counts, rates, tag scores, whitened vectors and click rates of near items, as of the night. NaN and
    an indicator for the missing."""
    from nightshift.features.night import item_features as build

    night = nightshift.night(context)
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    settings, spec = night.settings.examples.features, night.content_spec
    frame = build(items, events, snapshot(night, night.as_of), night.as_of, settings, spec)
    inputs = manifests(night, ITEMS, INTERACTIONS, *written(night.registry))
    numbers = {"features": len(frame.columns) - 1}
    checks = [one_row_each(frame, items, "item_id")]
    yield from publish(
        night, ITEM_FEATURES, frame, checks, inputs=inputs, numbers=numbers, sample=each_family(frame)
    )


@table_asset(
    USER_FEATURES,
    group="features",
    kinds={"polars"},
    deps=[ITEMS, INTERACTIONS, written],
    checks={"one_row_each": ONE_ROW.format("user")},
)
def user_features(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Counts, rates, likings of attributes and tags and the mean liked vectors of every user, as of the
    night."""
    from nightshift.features.night import user_features as build

    night = nightshift.night(context)
    items, events = night.store.read(ITEMS, night.as_of), night.store.read(INTERACTIONS, night.as_of)
    settings, spec = night.settings.examples.features, night.content_spec
    frame = build(items, events, snapshot(night, night.as_of), night.as_of, settings, spec)
    users = events.select("user_id").unique()
    inputs = manifests(night, ITEMS, INTERACTIONS, *written(night.registry))
    numbers = {"features": len(frame.columns) - 1}
    checks = [one_row_each(frame, users, "user_id")]
    yield from publish(
        night, USER_FEATURES, frame, checks, inputs=inputs, numbers=numbers, sample=each_family(frame)
    )


@table_asset(CANDIDATES, group="features", kinds={"polars"}, deps=[ITEMS, INTERACTIONS, written])
def candidates(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Each source's best items for every user, for implicit feedback (empty for other feedback, which says
    itself what was shown).

    Says what the candidates of the night before were worth: the share of users' later choices among them,
    by source and together.
    """
    night = nightshift.night(context)
    frame, numbers = (
        _candidates(night)
        if implicit(night)
        else (CANDIDATES.empty(), {"feedback": "not implicit: no candidates needed"})
    )
    yield from publish(
        night,
        CANDIDATES,
        frame,
        inputs=manifests(night, ITEMS, INTERACTIONS, *written(night.registry)),
        numbers=numbers,
    )


def _candidates(night: Night) -> "tuple[pl.DataFrame, dict[str, Any]]":
    from nightshift.features.candidates.nightly import candidates as build
    from nightshift.features.candidates.nightly import chosen_since, recalls

    items, events, settings = (
        night.store.read(ITEMS, night.as_of),
        night.store.read(INTERACTIONS, night.as_of),
        night.settings.examples,
    )
    frame = build(
        items,
        events,
        snapshot(night, night.as_of),
        night.as_of,
        settings.candidates,
        settings.features.similarity,
        night.content_spec,
    )
    last = night.store.before(CANDIDATES, night.as_of)
    numbers: dict[str, Any] = {"users": frame["user_id"].n_unique()} | dict(
        frame.group_by("source").len().sort("source").iter_rows()
    )
    if last is None:
        return frame, numbers
    worth = recalls(
        night.store.read(CANDIDATES, last), chosen_since(events, last, settings.candidates.repeats)
    )
    return frame, numbers | {
        f"recall since {last}: {source}": round(share, 4) for source, share in worth.items()
    }


def proofs_of_fits(registry: Registry) -> dict[str, str]:
    """The check of fits, where there are some."""
    return {"fits": FITS} if fitted(registry) else {}


@table_asset(
    RANKING_EXAMPLES,
    group="features",
    kinds={"polars"},
    deps=[ITEMS, INTERACTIONS, read_in_training],
    checks={
        "recompute": "A sample of rows, rebuilt from raw events cut strictly before their moment, matches "
        "bit for bit.",
        "future_shuffle": "Dealing all events after the cut between training and validation anew changes no "
        "row before it.",
        "warn:starved": "Every column that says something in test rows does so in training rows.",
    },
    more_checks=proofs_of_fits,
)
def ranking_examples(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Every event since the first night, with the features known strictly before it and the newest night
    at or before its day.

    Implicit feedback: the candidates of a sample of moments at which users chose something."""
    from nightshift.features.examples import build_examples
    from nightshift.features.proofs import future_shuffle, recompute
    from nightshift.features.starvation import CAVEAT, caveat, none_starved, starved

    night = nightshift.night(context)
    inputs = example_inputs(night)
    settings = night.settings.examples
    builder = inputs.builder(settings)
    context.log.info(
        f"building rows from {inputs.interactions.height:,} events and {len(inputs.snapshots)} nights"
    )
    frame = build_examples(inputs, settings, builder)
    context.log.info("proving that no feature knows the future")
    after_training = frame.filter(frame["split"] != "train").select(pl.col("timestamp").min())
    cut = after_training.item() or night.moment
    proofs = [
        _proof(
            "recompute",
            recompute(inputs, settings, frame, night.settings.checks.leak_sample, builder=builder),
        ),
        _proof("future_shuffle", future_shuffle(inputs, settings, cut, builder=builder, examples=frame)),
    ]
    counts = {
        f"rows: {name}": count for name, count in frame.group_by("split").len().sort("split").iter_rows()
    }
    families = {
        f"features: {family}": sum(c.startswith(f"{family}__") for c in frame.columns)
        for family in settings.features.families
    }
    inputs_of = manifests(night, ITEMS, INTERACTIONS)
    sample = each_family(frame.drop("group_id", "as_of"))
    silent = starved(frame)
    said = {CAVEAT: text} if (text := caveat(silent)) else {}
    numbers = (
        counts | families | said | _found(frame) | _proved(frame, proofs, night.settings.checks.leak_sample)
    )
    yield from publish(
        night,
        RANKING_EXAMPLES,
        frame,
        [*proofs, none_starved(silent), *_fits(night)],
        inputs=inputs_of,
        numbers=numbers,
        sample=sample,
    )


def _fits(night: Night) -> list[Checked]:
    """One proof for all fits that rows can read: none is as young as its night, and the newest of each comes
    out the same without its future."""
    from nightshift.enrichments.fits import fits_proved

    names = fitted(night.registry)
    found = [each for name in names for each in fits_proved(night.context(name), _nights_of(night, name))]
    said = f"{len(names)} fits: none is as young as what reads it, none knows what came later"
    return [_proof("fits", found, said)] if names else []


def _nights_of(night: Night, name: str) -> "dict[date, pl.DataFrame]":
    table = night.tables[name]
    return {day: night.store.read(table, day) for day in night.store.nights(table) if day <= night.as_of}


def _found(frame: pl.DataFrame) -> dict[str, float]:
    """Implicit feedback: how many of the items chosen in test lists were among their candidates, which
    bounds every recall."""
    chosen = frame.filter((pl.col("split") == "test") & (pl.col("label") > 0.5))["retrieved"].drop_nulls()
    return (
        {"candidates: recall on test lists": round(float(chosen.sum()) / chosen.len(), 4)}
        if chosen.len()
        else {}
    )


def _proved(frame: pl.DataFrame, proofs: list[Checked], sample: int) -> dict[str, str]:
    """What each proof compared, in words, for the report."""
    columns = sum("__" in name for name in frame.columns)
    rows = {
        "recompute": min(sample, frame.height),
        "future_shuffle": frame.filter(frame["split"] == "train").height,
    }
    said = "{:,} rows x {} columns: {} differences"
    return {
        f"proof: {proof.name}": said.format(rows[proof.name], columns, proof.numbers["differences"])
        for proof in proofs
    }


def _proof(name: str, differences: "list[Difference]", holds: str = HOLDS) -> Checked:
    """A proof that found nothing passes; otherwise the message names feature, row and both values."""
    found = "; ".join(map(str, differences[:3])) or holds
    return Checked(name, not differences, found, numbers={"differences": len(differences)})
