"""Works a declaration off: tonight's rows and requests, and the table from what the ledger holds.

A plan and a run both call `tonight` and `assembled`, so that what a plan says and what a run does cannot
differ.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from nightshift.enrichments.answers import Values, read_values, values_of
from nightshift.enrichments.base import (
    Asked,
    Computed,
    Context,
    Enrichment,
    Fitted,
    Recorded,
    Shared,
    recording,
)
from nightshift.enrichments.entities import Reader
from nightshift.enrichments.fallbacks import FROM_A_MODEL, settle
from nightshift.enrichments.fits import Fit, fit_of, fitted_rows
from nightshift.enrichments.priority import worth
from nightshift.errors import ConfigError
from nightshift.models.llm.recorded import answers_of, keyed
from nightshift.tables import INTERACTIONS, REJECTS


@dataclass(frozen=True)
class Step:
    """One enrichment on one night: its rows, and what of them a model is asked."""

    context: Context[Any]
    rows: pl.DataFrame
    requests: pl.DataFrame
    """Requests of its prompt, worthiest first; none for what is not asked."""

    @property
    def each(self) -> Enrichment[Any]:
        """The declaration."""
        return self.context.each

    @property
    def chooses(self) -> bool:
        """Whether choices are weighed, and nothing is written."""
        return self.each.is_asked and bool(self.context.prompt.questions)

    @cached_property
    def scored(self) -> pl.DataFrame:
        """`<key>, content_key, scores` of every row whose choices a model has weighed."""
        found = self.context.shared.ledgers.answers.lookup(
            self.requests["content_key"], ["content_key", "scores"]
        )
        rows = self.each.entity.without_row_id(self.requests.select("content_key", "row_id"))
        return rows.join(found, on="content_key", how="inner", maintain_order="left")


@dataclass(frozen=True)
class Assembled:
    """A table ready to publish, and the answers it could not use."""

    frame: pl.DataFrame
    rejects: pl.DataFrame
    fit: Fit | None = None
    """What a fitted table was made with."""

    @property
    def answered(self) -> int:
        """Rows a model answered for, accepted or not."""
        return self.frame.filter(pl.col("origin") == "llm").height + self.rejects.height


def tonight(each: Enrichment[Any], shared: Shared, tables: Reader) -> Step:
    """The rows of a night and their requests, from tables of the same night."""
    context = Context(each, shared, tables)
    rows = each.rows(context)
    return Step(context, rows, _requests(context, rows))


def _requests(context: Context[Any], rows: pl.DataFrame) -> pl.DataFrame:
    each, shared = context.each, context.shared
    if not each.is_written:
        return pl.DataFrame(schema={"content_key": pl.String, "row_id": pl.String, "text": pl.String})
    prompt = dataclasses.replace(context.prompt, row_key="row_id")
    _allowed(each, prompt.fields)
    if isinstance(each.maker, Asked):
        asked = each.entity.with_row_id(each.maker.asks(context, rows))
        found = prompt.requests(asked, context.identity, _worth(context, asked))
        return keyed(found, shared.recorded(each.name)) if shared.recorded else found
    said = _recorded(context)
    known = each.entity.with_row_id(rows).join(said, on="row_id", how="semi", maintain_order="left")
    return keyed(prompt.requests(known, context.identity), said)


def _allowed(each: Enrichment[Any], fields: tuple[str, ...]) -> None:
    """Raise ConfigError for a prompt that would see what no prompt of its entity may."""
    for name in fields:
        if name not in each.entity.fields:
            listed = ", ".join(each.entity.fields)
            raise ConfigError(
                f"{each.place or each.name}: a prompt about {each.entity.every} cannot read {name!r}; it may "
                f"read {listed}"
            )


def _recorded(context: Context[Any]) -> pl.DataFrame:
    """`row_id, answer` of an enrichment's own file."""
    source, setting = recording(context), f"enrichments.{context.each.name}"
    if source.path is None:
        raise ConfigError(f"{setting}.path is not set; name the file with its answers, or leave it out")
    if context.prompt.questions:
        raise ConfigError(f"{setting}: recorded answers cannot weigh choices; let the prompt read an answer")
    keys = (source.key,) if source.key else context.each.entity.key_columns
    return answers_of(source, setting, context.shared.root, keys)


def _worth(context: Context[Any], rows: pl.DataFrame) -> pl.Series:
    """Higher is asked first: traffic, staleness, coldness; for groups, their size."""
    each, shared = context.each, context.shared
    if each.entity.traffic is None:
        return (
            rows["items"].cast(pl.Float64) if "items" in rows.columns else pl.zeros(rows.height, eager=True)
        )
    events = context.read(INTERACTIONS.name)
    key = each.entity.traffic
    return worth(rows, events, key, each.name, shared.ledgers, shared.as_of, shared.moment)


def settled(step: Step) -> Assembled:
    """`assembled`, for a run: what is fitted once from the answers is kept first."""
    maker = step.each.maker
    if isinstance(maker, Fitted):
        return _fitted(step, keep=True)
    if isinstance(maker, Asked) and maker.freeze is not None:
        maker.freeze(step.context, step.scored, step.rows.height)
    return assembled(step)


def assembled(step: Step) -> Assembled:
    """The table as the ledger has it now: a row for everyone where the declaration says so, its origin,
    its rejects."""
    maker = step.each.maker
    if isinstance(maker, Computed):
        return Assembled(step.each.table.conform(maker.apply(step.context)), REJECTS.empty())
    if isinstance(maker, Fitted):
        return _fitted(step, keep=False)
    return _chosen(step, maker) if isinstance(maker, Asked) and step.chooses else _written(step)


def _fitted(step: Step, keep: bool) -> Assembled:
    """Rows of the newest fit before the night; none before the first."""
    fit = fit_of(step.context, keep)
    return Assembled(fitted_rows(step.context, fit), REJECTS.empty(), fit)


def _chosen(step: Step, maker: Asked) -> Assembled:
    """Rows of everything the model has weighed; what it has not keeps last night's rows, or has none."""
    assert maker.values is not None
    context, table = step.context, step.each.table
    made = _provenance(context, maker.values(context, step.scored)).with_columns(origin=pl.lit("llm"))
    keys = list(step.each.entity.key_columns)
    asked = step.each.entity.without_row_id(step.requests.select("row_id"))
    unread = asked.join(step.scored, on=keys, how="anti")
    last = context.last if step.each.fallback.carried else context.last.clear()
    kept = last.filter(pl.col("origin").is_in(FROM_A_MODEL))
    carried = kept.join(unread, on=keys, how="semi").with_columns(origin=pl.lit("carried"))
    columns = list(table.columns)
    known = pl.concat([made.select(columns), carried.select(columns)])
    frame = pl.concat([known, _unknown(step, known).select(columns)]).sort(table.key)
    return Assembled(frame, REJECTS.empty())


def _unknown(step: Step, known: pl.DataFrame) -> pl.DataFrame:
    """The template's rows for what no model has weighed; none where a missing row stays missing."""
    each, context = step.each, step.context
    if each.fallback.template is None:
        return known.clear()
    left = step.rows.join(known, on=list(each.entity.key_columns), how="anti", maintain_order="left")
    rows = _named(each.fallback.template(context, left), "template")
    return each.finish(context, left, rows, known.clear())


def _written(step: Step) -> Assembled:
    """A row for everyone: tonight's answer, else last night's, else its group's, else the template."""
    each, context = step.each, step.context
    values = _values(step)
    answered = _provenance(context, each.entity.without_row_id(values.frame))
    template = _template(step, answered)
    keep = template.columns
    last = context.last if each.fallback.carried else context.last.clear()
    group = each.fallback.group(context, step.rows).select(keep) if each.fallback.group else None
    settled = settle(step.rows, answered, last.select(keep), template, list(each.entity.key_columns), group)
    frame = each.finish(context, step.rows, settled, answered)
    return Assembled(frame.select(list(each.table.columns)), values.rejects)


def _values(step: Step) -> Values:
    """What tonight's requests came to: from the ledger, or from the file of recorded answers."""
    context, requests = step.context, step.requests
    if not isinstance(step.each.maker, Recorded):
        return read_values(context.prompt, requests, context.shared.ledgers, context.identity)
    heard = requests.join(_recorded(context), on="row_id", how="inner", maintain_order="left")
    said = heard.select("content_key", text="answer", finish_reason=pl.lit("stop"))
    return values_of(context.prompt, requests, said, context.identity)


def _template(step: Step, answered: pl.DataFrame) -> pl.DataFrame:
    """Key, answered columns and provenance of the template's rows; none where a missing row stays missing."""
    each = step.each
    if each.fallback.template is None:
        names = [*each.entity.key_columns, *each.columns]
        schema = {name: each.table.schema[name] for name in names if name in answered.columns}
        rows = pl.DataFrame(schema=schema)
    else:
        rows = each.fallback.template(step.context, step.rows)
    return _named(rows, "template")


def _named(rows: pl.DataFrame, said: str) -> pl.DataFrame:
    """Rows that no model answered, with the word for where they come from."""
    who = {name: pl.lit(said) for name in ("prompt_id", "model_id", "origin")}
    return rows.with_columns(**who, content_key=pl.lit(None, dtype=pl.String))


def _provenance(context: Context[Any], values: pl.DataFrame) -> pl.DataFrame:
    return values.with_columns(
        prompt_id=pl.lit(context.prompt.prompt_id), model_id=pl.lit(context.identity.model_id)
    )
