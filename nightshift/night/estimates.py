"""What a call will probably use, learned from the calls that the ledger remembers of the same prompt and
model.

Before the first night there is nothing to learn from; the constants here say what was assumed and where it
was measured.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from nightshift.models.llm.base import Question
from nightshift.models.llm.choices import CountTokens, branches, count_branches, unpacked
from nightshift.models.llm.prices import Price
from nightshift.prompts.base import Prompt
from nightshift.storage.ledger import RETRIED, SERVER, Ledger, Ledgers

CHARS_PER_TOKEN = 4.0
"""English text per token of a byte-pair vocabulary, used only until the ledger or the model's own
tokenizer says better."""
ANSWER_SHARE = {"smollm2-135m-instruct": 0.31}
"""Mean answer by its limit: 14.7 of 48 tokens for 512 summaries, 14.1 of 48 for 256 preferences
(MovieLens-100K)."""
UNKNOWN_SHARE = 0.5
"""The same for models that nobody has measured here."""
DECODE_WEIGHT = 3.0
"""A new token takes as long as three prompt tokens: SmolLM2 in bfloat16 on two cores, 305 against 1,000 a
second at batch 64."""
SPEED_SCORED, SPEED_WRITTEN = 8000.0, 4000.0
"""Weighted tokens a second before anything was measured: SmolLM2 on two cores, the shared prefix counted
though it is reused."""
NEWEST = 4096
"""Calls that are learned from, the newest: a model moved to another machine is soon estimated by its new
speed."""
CERTAIN_ROWS, CERTAIN_MARGIN = 32, 1.1
"""From so many counted prompts on, the most tokens a byte among them, and a tenth, bound those of the next
prompt."""
TEMPLATE_TOKENS = 64
"""Tokens that a server may put around a prompt: the roles of its chat template."""


@dataclass(frozen=True)
class Estimate:
    """Means over the calls of one prompt and model."""

    new_tokens: float
    """New tokens a call, accepted and rejected answers alike."""
    prompt_tokens: float
    """Prompt tokens a call; 0 where nothing was measured, for those are counted row by row."""
    cached_tokens: float
    """Prompt tokens a call that were reused."""
    reject_share: float
    """Share of first attempts that were rejected."""
    seconds_per_token: float
    """Model seconds by computed prompt token, and a third of those by new token (`DECODE_WEIGHT`)."""
    cost_usd: float | None
    """Money a call; None where a price is unknown."""
    calls: int
    """How many calls this was learned from; 0: the constants of this module."""

    def seconds(self, prompt_tokens: Any, new_tokens: Any) -> Any:
        """Model seconds of tokens: numbers or polars expressions."""
        return (prompt_tokens + DECODE_WEIGHT * new_tokens) * self.seconds_per_token


NOTHING = Estimate(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
"""What a recorded answer uses."""


def estimate(ledgers: Ledgers, prompt: Prompt[Any], model_id: str | None = None) -> Estimate:
    """What the ledger has measured for this prompt and model; the constants above before the first night."""
    calls = _newest_calls(ledgers, prompt, model_id)
    if calls.is_empty():
        return _unmeasured(prompt, model_id)
    computed, new = (
        float((calls["prompt_tokens"] - calls["cached_tokens"]).sum()),
        float(calls["new_tokens"].sum()),
    )
    weighted, seconds = computed + DECODE_WEIGHT * new, float(calls["seconds"].sum())
    first = calls["content_key"].n_unique()
    return Estimate(
        new_tokens=new / calls.height,
        prompt_tokens=float(calls["prompt_tokens"].sum()) / calls.height,
        cached_tokens=float(calls["cached_tokens"].sum()) / calls.height,
        reject_share=calls.filter(pl.col("attempt") == 1)["content_key"].n_unique() / first,
        seconds_per_token=seconds / weighted if weighted else 0.0,
        cost_usd=None if calls["cost_usd"].null_count() else float(calls["cost_usd"].sum()) / calls.height,
        calls=calls.height,
    )


def _unmeasured(prompt: Prompt[Any], model_id: str | None) -> Estimate:
    share = ANSWER_SHARE.get((model_id or "").partition("@")[0], UNKNOWN_SHARE)
    speed = SPEED_SCORED if prompt.is_scored else SPEED_WRITTEN
    new = 0.0 if prompt.is_scored else prompt.decoding.max_new_tokens * share
    return Estimate(
        new_tokens=new,
        prompt_tokens=0.0,
        cached_tokens=0.0,
        reject_share=0.0,
        seconds_per_token=1 / speed,
        cost_usd=0.0,
        calls=0,
    )


def _newest_calls(ledgers: Ledgers, prompt: Prompt[Any], model_id: str | None) -> pl.DataFrame:
    """The newest calls whose answer was heard; `attempt` is null for accepted ones."""
    columns = (
        "content_key",
        "created_at",
        "prompt_tokens",
        "cached_tokens",
        "new_tokens",
        "seconds",
        "cost_usd",
    )
    mine = [pl.col("prompt_id") == prompt.prompt_id, *([pl.col("model_id") == model_id] if model_id else [])]
    heard = ~pl.col("reason").is_in([SERVER, RETRIED])

    def newest(ledger: Ledger, attempt: pl.Expr, *filters: pl.Expr) -> pl.DataFrame:
        chosen = (*columns, attempt.cast(pl.Int32).alias("attempt"))
        return ledger.query(
            lambda rows: rows.filter(*mine, *filters).select(chosen).top_k(NEWEST, by="created_at")
        )

    calls = pl.concat(
        [newest(ledgers.answers, pl.lit(None)), newest(ledgers.rejects, pl.col("attempt"), heard)]
    )
    return calls.top_k(NEWEST, by="created_at").with_columns(pl.col(columns[2:6]).fill_null(0))


def with_tokens(
    prompt: Prompt[Any], rows: pl.DataFrame, count_tokens: CountTokens | None, seen: pl.DataFrame
) -> pl.DataFrame:
    """Adds `prompt_tokens` (of the whole prompt and the row's own choices) and `most_prompt_tokens`, which
    it does not exceed.

    With the model's own tokenizer both are exact. Without one they come from `seen` (`text, prompt_tokens`
    of prompts that the server counted); before it has counted any, from four characters a token and one
    byte a token.
    """
    if count_tokens is not None:
        whole = _counted(prompt.instructions, rows["text"].to_list(), count_tokens)
        own = count_branches(_questions(rows), count_tokens)
        tokens = pl.Series(
            "prompt_tokens", [each + more for each, more in zip(whole, own, strict=True)], dtype=pl.Int64
        )
        return rows.with_columns(tokens, tokens.alias("most_prompt_tokens"))
    seen = seen.filter(pl.col("prompt_tokens") > 0)  # a prompt of no tokens was not counted
    shared_chars, shared_bytes = len(prompt.instructions), len(prompt.instructions.encode("utf-8", "replace"))
    chars, size = pl.col("read").str.len_chars() + shared_chars, pl.col("read").str.len_bytes() + shared_bytes
    mean, most = _rates(_with_read(seen), chars, size)
    worst = size * most + (TEMPLATE_TOKENS if seen.height < CERTAIN_ROWS else 0)
    guess = (chars * mean).round().cast(pl.Int64)
    guessed = _with_read(rows).with_columns(
        guess.alias("prompt_tokens"), worst.ceil().cast(pl.Int64).alias("most_prompt_tokens")
    )
    return guessed.drop("read")


def _questions(rows: pl.DataFrame) -> list[tuple[Question, ...]]:
    """Each row's own questions; none where the prompt has none of the kind."""
    return (
        [unpacked(text) for text in rows["questions"]] if "questions" in rows.columns else [()] * rows.height
    )


def _with_read(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `read`: what a model reads of the row, its text and its own stems and choices."""
    if "questions" not in rows.columns:
        return rows.with_columns(read="text")
    own = pl.Series(["".join(branches(each)) for each in _questions(rows)], dtype=pl.String)
    return rows.with_columns(read=pl.concat_str("text", own))


def _counted(instructions: str, texts: list[str], count_tokens: CountTokens) -> list[int]:
    """Tokens of instructions and text together; where they meet, a token may span both, in every row
    alike."""
    if not texts:
        return []
    own = count_tokens(texts)
    shared = count_tokens([instructions + texts[0]])[0] - own[0]
    return [shared + tokens for tokens in own]


def _rates(seen: pl.DataFrame, chars: pl.Expr, size: pl.Expr) -> tuple[float, float]:
    """Tokens a character in the mean, and tokens a byte at the most."""
    if seen.is_empty():
        return 1 / CHARS_PER_TOKEN, 1.0
    tokens = pl.col("prompt_tokens")
    mean, most = seen.select(mean=tokens.sum() / chars.sum(), most=(tokens / size).max()).row(0)
    return mean, min(1.0, most * CERTAIN_MARGIN) if seen.height >= CERTAIN_ROWS else 1.0


def with_spend(
    rows: pl.DataFrame, learned: Estimate, longest: int, price: Price | None, again: pl.Expr
) -> pl.DataFrame:
    """Adds `expected_<unit>` and `worst_<unit>` for tokens, usd and seconds.

    `longest` is the longest answer in tokens; `again` the expected number of re-asks of a row, each as
    dear as the row. A speed has no worst case: `worst_seconds` is what one call is expected to take.
    """
    prompt, most, dollars = (
        pl.col("prompt_tokens"),
        pl.col("most_prompt_tokens"),
        price or Price(0.0, 0.0, 0.0),
    )
    cached, calls = pl.min_horizontal(prompt, pl.lit(learned.cached_tokens)), 1 + again
    usd = (prompt - cached) * dollars.prompt + cached * dollars.cached + learned.new_tokens * dollars.new
    return rows.with_columns(
        worst_tokens=most + longest,
        worst_usd=most * max(dollars.prompt, dollars.cached) + longest * dollars.new,
        worst_seconds=learned.seconds(prompt - cached, learned.new_tokens),
        expected_tokens=(prompt + learned.new_tokens) * calls,
        expected_usd=usd * calls,
        expected_seconds=learned.seconds(prompt - cached, learned.new_tokens) * calls,
        reasks=again,
    )
