"""From stored answers to values: parse what the ledger holds for tonight's requests, and say why the rest
is missing.

Parsing happens on every read, so a better parser re-reads old answers, accepted or rejected, without a
single call.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import BaseModel

from nightshift.errors import RejectedAnswer
from nightshift.models.llm.base import FinishReason, ModelIdentity
from nightshift.prompts.base import Prompt
from nightshift.storage.ledger import REPEATED, RETRIED, Ledgers
from nightshift.tables import REJECTS


@dataclass(frozen=True)
class Values:
    """What tonight's requests came to."""

    frame: pl.DataFrame
    """`row_id, content_key` and the fields of the prompt's schema: one row an accepted answer."""
    rejects: pl.DataFrame
    """Rows of the `rejects` table: one an answer that was not accepted."""


def read_values(
    prompt: Prompt[Any], requests: pl.DataFrame, ledgers: Ledgers, identity: ModelIdentity
) -> Values:
    """Accepted values and rejects of these requests. Rows that were never asked are in neither."""
    wanted = requests.select("content_key", "row_id")
    said = ledgers.answers.lookup(wanted["content_key"], ["content_key", "text", "finish_reason"])
    refused = ledgers.rejects.lookup(
        wanted["content_key"], ["content_key", "text", "finish_reason", "attempt", "reason"]
    )
    refused = refused.filter(pl.col("reason").ne_missing(RETRIED))
    unheard = pl.col("finish_reason").is_in(["error", "waiting"])
    newest = refused.sort("attempt", unheard, descending=[True, False])  # what a model said comes first
    refused = newest.drop("attempt").join(said, on="content_key", how="anti")
    unrefused = said.with_columns(reason=pl.lit(None, pl.String))
    return values_of(prompt, requests, pl.concat([unrefused, refused]), identity)


def values_of(
    prompt: Prompt[Any], requests: pl.DataFrame, said: pl.DataFrame, identity: ModelIdentity
) -> Values:
    """Accepted values and rejects of what was said: `content_key, text, finish_reason`, and `reason` where
    the ledger has refused it."""
    wanted = requests.select("content_key", "row_id")
    judged = said if "reason" in said.columns else said.with_columns(reason=pl.lit(None, pl.String))
    values, reasons = _parsed(prompt, judged)
    accepted = _frame(prompt.schema, values)
    missed = [row for key, row in reasons.items() if key not in values]
    return Values(
        frame=wanted.join(accepted, on="content_key", how="inner", maintain_order="left"),
        rejects=_rejected(prompt, wanted, missed, identity),
    )


def _parsed(
    prompt: Prompt[Any], answers: pl.DataFrame
) -> tuple[dict[str, BaseModel], dict[str, dict[str, Any]]]:
    values: dict[str, BaseModel] = {}
    reasons: dict[str, dict[str, Any]] = {}
    for key, text, finish, reason in answers.iter_rows():
        outcome = _repeated(prompt, text, reason) or parse(prompt, text, finish)
        if isinstance(outcome, RejectedAnswer):
            reasons.setdefault(key, {"content_key": key, "reason": outcome.reason, "answer": text})
        else:
            values.setdefault(key, outcome)
    return values, reasons


def _repeated(prompt: Prompt[Any], text: str | None, reason: str | None) -> RejectedAnswer | None:
    """The rejection of what repeated other rows when it was given, while the prompt has such a limit: it
    is not judged by its words alone."""
    if reason != REPEATED or prompt.max_equal is None:
        return None
    return RejectedAnswer("repeated", text or "")


def parse(prompt: Prompt[Any], text: str | None, finish: FinishReason) -> BaseModel | RejectedAnswer:
    """The value an answer says, or the rejection with its reason."""
    if finish == "waiting":
        return RejectedAnswer("waiting", text or "still worked on")
    if finish == "error":
        return RejectedAnswer("server", text or "no usable reply")
    try:
        value: BaseModel = prompt.parse(text or "", finish)
    except RejectedAnswer as rejection:
        return rejection
    return value


def _frame(schema: type[BaseModel], values: dict[str, BaseModel]) -> pl.DataFrame:
    types = {name: _dtype(field.annotation) for name, field in schema.model_fields.items()}
    rows = [{"content_key": key, **value.model_dump()} for key, value in values.items()]
    return pl.DataFrame(rows, schema={"content_key": pl.String, **types})


def _dtype(annotation: Any) -> Any:
    if annotation is int:
        return pl.Int64
    return pl.List(pl.String) if "list" in str(annotation) else pl.String


def _rejected(
    prompt: Prompt[Any], wanted: pl.DataFrame, missed: list[dict[str, Any]], identity: ModelIdentity
) -> pl.DataFrame:
    frame = pl.DataFrame(missed, schema={"content_key": pl.String, "reason": pl.String, "answer": pl.String})
    frame = wanted.join(frame, on="content_key", how="inner").rename({"row_id": "key"})
    constant = {"table": prompt.name, "prompt_id": prompt.prompt_id, "model_id": identity.model_id}
    return REJECTS.conform(frame.with_columns(pl.lit(value).alias(name) for name, value in constant.items()))
