"""docs/reference/errors.md: exceptions with their exit codes, and why a row is rejected."""

from collections.abc import Iterator, Mapping

from jobs.reference.markdown import code, fenced, page, table
from nightshift.errors import NightshiftError, RejectReason
from nightshift.night.plan import ATTEMPTS
from nightshift.sources.findings import FIXES
from nightshift.sources.reads import HARMLESS, NO_ITEM, REJECTS_A_REASON, SWALLOWED, TWICE, UNDATED, UNLISTED

INTRO = """
Every exception raised on purpose is a `NightshiftError`. Its message names the place, the value and the way out, and a command that meets
it prints that message and ends with its exit code. A traceback is a bug of ours. `RejectedAnswer` never ends a night: it becomes a row of
`rejects`.
"""
ANSWERS = f"""
## Rejected answers

An answer that is not accepted is a row of [`rejects`](tables.md#rejects), with the answer and one of these reasons. The row is asked at
most {ATTEMPTS} times; then it carries last night's value or a template (column `origin`) and
`nightshift plan` counts it as `rejected`. A night fails when more than `checks.max_reject_share` of a prompt's requests were rejected.
See what was written: `nightshift show item ID`, `nightshift show user ID`, or the table.
"""
ROWS = f"""
## Dropped source rows

A source row that cannot be used is a row of `rejects` too; `key` is its file and row, `answer` the value. `rejects` lists at most
{REJECTS_A_REASON:,} rows a reason, the counts of `nightshift check` are complete. Reading stops, with a `SourceError` that names the
first such row, when more than `max_rejected_share` of a source's rows are dropped; reasons marked *harmless* do not count.
"""
LARGER_MODEL = "Some are normal for a small model. Where it is many rows, take a larger `llm.model`"
MORE_TEXT = "map `text` in the sources, so that the model has more to read"
MORE_WORDS = (
    "Raise `max_new_tokens` (asks again) or `max_summary_words` (re-reads for free) of `facts` or "
    "`preferences`."
)
LESS_REPEATED = "Raise `repetition_penalty` of `facts` or `preferences` (asks again)."
OTHER_EXAMPLES = "Change the examples in the file of `tags.vocabulary` (asks again), or "
ASK_LATER = (
    "It is asked again by the next run, and that does not count as one of its times. See "
    "`llm.server.retries`."
)
COPIED = "The answer copies an example of the prompt instead of describing the row."

_SOURCES = {
    NO_ITEM: "items, interactions",
    SWALLOWED: "items, interactions",
    TWICE: "items",
    UNDATED: "items",
    UNLISTED: "items",
}
ANSWER_REASONS: Mapping[RejectReason, tuple[str, str]] = {
    "refusal": (
        "The model declined, or said that it does not know the item.",
        f"{LARGER_MODEL}, or {MORE_TEXT}.",
    ),
    "empty": ("The model wrote nothing, or only what stands around an answer.", f"{LARGER_MODEL}."),
    "not_json": ("The answer is not one JSON object.", f"{LARGER_MODEL}."),
    "schema": ("The answer does not have the form that the prompt asked for.", f"{LARGER_MODEL}."),
    "unknown_tag": (
        "The answer names a tag that is not in the vocabulary.",
        f"{LARGER_MODEL}, or add the tag to the vocabulary.",
    ),
    "too_long": (
        "The answer was cut at the token limit, its thoughts do not end, or it has more words than "
        "are accepted.",
        MORE_WORDS,
    ),
    "ungrounded": (COPIED, f"{OTHER_EXAMPLES}{MORE_TEXT}."),
    "repetition": ("The model stutters: less than half of the words are distinct.", LESS_REPEATED),
    "repeated": (
        "Other rows have the same sentence already, as many as `facts.max_equal_sentences` allows.",
        f"{LARGER_MODEL}, or raise the setting; null switches it off, and what it rejected is read again.",
    ),
    "server": (
        "The server gave no usable reply, however often it was asked; the answer says what came back.",
        ASK_LATER,
    ),
    "waiting": (
        "A batch file is still worked on; the answer names it.",
        "Nothing to do: the next run takes up the same batch.",
    ),
}
"""Reason to its meaning and the way out."""

ROW_REASONS: Mapping[str, tuple[str, str]] = {
    reason: (_SOURCES.get(reason, "interactions"), fix) for reason, fix in FIXES.items()
}
"""Reason to the sources that can have it and the way out."""


def errors_page() -> str:
    """The whole page."""
    classes = list(family(NightshiftError))
    tree = fenced("", "\n".join("    " * depth + kind.__name__ for depth, kind in classes))
    errors = table(("exception", "exit code", "meaning"), [_line(kind) for _, kind in classes])
    return page("Errors", INTRO, tree, errors, ANSWERS, answers(), ROWS, rows())


def family(kind: type[NightshiftError], depth: int = 0) -> Iterator[tuple[int, type[NightshiftError]]]:
    """A class and all below it in nightshift.errors, with their depth, parents first."""
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == NightshiftError.__module__:
            yield from family(child, depth + 1)


def answers() -> str:
    """Why an answer is rejected."""
    return table(
        ("reason", "meaning", "way out"), [(code(reason), *said) for reason, said in ANSWER_REASONS.items()]
    )


def rows() -> str:
    """Why a source row is dropped."""
    lines = [
        (reason, where, "harmless" if reason in HARMLESS else "yes", fix)
        for reason, (where, fix) in ROW_REASONS.items()
    ]
    return table(("reason", "source", "counts", "way out"), lines)


def _line(kind: type[NightshiftError]) -> tuple[str, str, str]:
    ends = "none: a row of `rejects`" if kind.__name__ == "RejectedAnswer" else str(kind.exit_code)
    return code(kind.__name__), ends, kind.__doc__ or ""
