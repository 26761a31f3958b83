"""Group `rankers`: train every arm the same way, and say what the features were worth."""

from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from assets.answering import MODEL_POOL
from assets.declare import Events, manifests, publish, table_asset
from assets.features import example_inputs, implicit
from assets.night_comparisons import LIFT_KEPT, still_lifted
from assets.pictures import gains_by_night
from assets.resources import Nightshift
from assets.samples import bullets
from nightshift.enrichments.registry import Registry
from nightshift.lift.memorization import TABLE
from nightshift.lift.verdict import TOO_GOOD, main_metric, verdict
from nightshift.night.checks import Checked, not_empty
from nightshift.night.night import Night
from nightshift.report.coverage import told_headline
from nightshift.tables import (
    INTERACTIONS,
    ITEM_EMBEDDINGS,
    ITEM_FACTS,
    ITEMS,
    LIFT,
    RANKING_EXAMPLES,
    RANKING_SCORES,
    Table,
)

if TYPE_CHECKING:  # imports what computes; the code location does not
    from nightshift.lift.descriptions import Beside
    from nightshift.lift.memorization import Memory
    from nightshift.rankers.context import Context


@table_asset(
    RANKING_SCORES,
    group="rankers",
    kinds={"lightgbm"},
    deps=[RANKING_EXAMPLES],
    checks={"not_empty": "Every arm and seed scored every test row."},
)
def ranking_scores(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Every arm with every seed on the same split; what each said about every test row. The rankers of
    seed 0 are saved for serving."""
    from nightshift.lift.training import train_arms
    from nightshift.serving.recipe import save_ranker

    night = nightshift.night(context)
    examples = night.store.read(RANKING_EXAMPLES, night.as_of)
    folder = night.settings.home_folder / "models"
    checkpoints = folder / "checkpoints" / f"as_of={night.as_of}"
    spec, tell = night.content_spec, context.log.info
    trained = train_arms(examples, night.settings.lift, tell, _context(night), checkpoints, spec)
    chosen = night.settings.examples
    for arms in trained.rankers.values():
        for arm, ranker in arms.items():
            stage = chosen.candidates if implicit(night) else None
            save_ranker(night.settings.home_folder, ranker, arm, night.as_of, chosen.features, stage, spec)
    numbers = {
        "rankers": ", ".join(trained.rankers),
        "arms": len(next(iter(trained.rankers.values()))),
        "seeds": night.settings.lift.seeds,
        "models": str(folder),
    }
    checks = [not_empty(trained.scores)]
    yield from publish(
        night,
        RANKING_SCORES,
        trained.scores,
        checks,
        inputs=manifests(night, RANKING_EXAMPLES),
        numbers=numbers,
    )


def _context(night: Night) -> "Context | None":
    """Histories and contents of the rows, where a ranker reads them."""
    if "din" not in night.settings.lift.rankers:
        return None
    from nightshift.rankers.context import Context

    return Context.of(example_inputs(night), night.settings.examples)


def probes(registry: Registry) -> list[Table]:
    """The table that says what the model knows by heart, where it is on."""
    return [each.table for name, each in registry.items() if name == TABLE]


def _probed(night: Night) -> list[Table]:
    """The same, as far as the night has published it."""
    return [table for table in probes(night.registry) if night.store.has(table, night.as_of)]


def _completions(night: Night) -> list[pl.DataFrame]:
    return [night.store.read(table, night.as_of) for table in _probed(night)]


@table_asset(
    LIFT,
    group="rankers",
    kinds={"polars"},
    deps=[RANKING_SCORES, RANKING_EXAMPLES, ITEMS, INTERACTIONS, ITEM_FACTS, ITEM_EMBEDDINGS, probes],
    checks={
        "warn:too_good": f"No arm gains more than {TOO_GOOD} AUC over base: a larger gain is more likely a "
        f"leak.",
        "warn:lift_kept": LIFT_KEPT,
    },
    pool=MODEL_POOL,  # the probe of titles loads the language model
)
def lift(context: dg.AssetExecutionContext, nightshift: Nightshift) -> Events:
    """Each arm against base, text and the placebos, overall and by slice, with user-clustered intervals,
    from `ranking_scores`.

    Writes the night's report, `<home>/reports/as_of=<night>/lift.html`: one page that needs no network."""
    from nightshift.lift.memorization import judged
    from nightshift.lift.suite import measure

    night = nightshift.night(context)
    examples, scores = (
        night.store.read(RANKING_EXAMPLES, night.as_of),
        night.store.read(RANKING_SCORES, night.as_of),
    )
    items = night.store.read(ITEMS, night.as_of)
    frame = measure(examples, scores, night.settings.lift, context.log.info, _beside(night, items, examples))
    memory = next((judged(frame) for frame in _completions(night)), None)
    words, metric = verdict(frame), main_metric(frame)
    overall = frame.filter(
        (frame["slice"] == "all") & (frame["metric"] == metric) & (frame["arm"] != frame["against"])
    )
    several = overall["ranker"].n_unique() > 1
    gains = {
        f"{metric.upper()}: {row['ranker'] + ' ' if several else ''}{row['arm']} - {row['against']}": round(
            row["difference"], 5
        )
        for row in overall.to_dicts()
        if row["difference"] is not None
    }
    reached = {f"{metric.upper()}: {name}": value for name, value in _reached(frame, metric, several).items()}
    suspicious = [
        name
        for name, gain in gains.items()
        if metric == "auc" and name.endswith("- base") and gain > TOO_GOOD
    ]
    check = Checked(
        "too_good", not suspicious, "; ".join(suspicious) or "no gain is too good to be true", blocking=False
    )
    yield from publish(
        night,
        LIFT,
        frame,
        [check, still_lifted(night, frame)],
        inputs=manifests(night, RANKING_SCORES, RANKING_EXAMPLES, ITEMS, *_probed(night)),
        numbers=reached | gains | ({} if memory is None else {"titles recited": round(memory.completed, 4)}),
        show={"headline": told_headline(night, frame)}
        | _reported(context, night, frame, memory)
        | bullets("verdict", words),
        draw=lambda: gains_by_night(night),
        sample=overall,
    )


def _beside(night: Night, items: pl.DataFrame, examples: pl.DataFrame) -> "Beside":
    """What is known of items and users beside the rows; the users' groups are read from their file, here
    and nowhere else."""
    from nightshift.lift.descriptions import Beside, spaces_of
    from nightshift.lift.item_slices import about_items
    from nightshift.sources import read_users

    source, read = night.settings.sources.users, night.store.read_or_empty
    about = about_items(
        items, read(ITEM_FACTS, night.as_of), examples, night.settings.lift.model_trained_until
    )
    embedded, spec = read(ITEM_EMBEDDINGS, night.as_of), night.content_spec
    spaces = spaces_of(items, embedded, spec) if implicit(night) else {}
    users = read_users(source, night.settings.root) if source else None
    return Beside(about, users, read(INTERACTIONS, night.as_of), spaces)


def _reached(frame: pl.DataFrame, metric: str, several: bool) -> dict[str, float]:
    """The metric of every arm on all test rows, by the names of the gains."""
    alone = frame.filter(
        (pl.col("slice") == "all") & (pl.col("metric") == metric) & (pl.col("arm") == pl.col("against"))
    )
    rows = alone.drop_nulls("value").select("ranker", "arm", "value").iter_rows()
    return {f"{ranker} {arm}" if several else arm: round(value, 5) for ranker, arm, value in rows}


def _reported(
    context: dg.AssetExecutionContext, night: Night, frame: pl.DataFrame, memory: "Memory | None"
) -> dict[str, Any]:
    """Write the report; its place and its picture, or why there is none."""
    from nightshift.report.lift_page import page

    if not night.settings.lift.report:
        return {"report": "lift.report is off"}
    if not page.available():
        context.log.warning(page.NEEDS)
        return {"report": page.NEEDS}
    return {
        "report": dg.MetadataValue.path(str(page.write(night, frame, memory))),
        "picture": dg.MetadataValue.md(page.picture(frame)),
    }
