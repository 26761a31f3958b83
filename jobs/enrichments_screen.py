"""The screens of `nightshift enrichments`."""

from collections.abc import Sequence

from rich.markup import escape

from jobs.console import console
from jobs.enrichments import Listed, Rehearsed
from jobs.show import plan_of_tables
from jobs.terminal_tables import stacked
from nightshift.night.heartbeat import dollars


def show_listed(rows: Sequence[Listed]) -> None:
    """Every enrichment, one a line."""
    names = ("table", "entity", "kind", "rows", "calls", "USD", "declared in")
    lines = [
        [
            row.table,
            row.entity,
            row.kind,
            _count(row.rows),
            f"{row.calls:,}",
            dollars(row.cost_usd),
            escape(row.declared),
        ]
        for row in rows
    ]
    console.print(
        stacked(names, lines, console.width, "Enrichments", words=("entity", "kind", "declared in"))
    )


def _count(rows: int | None) -> str:
    return "-" if rows is None else f"{rows:,}"


def show_rehearsed(found: Rehearsed) -> None:
    """What a model would be shown: nothing else of a row reaches it."""
    prompt, each = found.prompt, found.each
    facts = {
        "declared in": each.place or "nightshift",
        "a row for each": each.entity.name,
        "may be shown": ", ".join(prompt.fields) or "nothing of a row",
        "columns": ", ".join(each.table.columns),
        "features": ", ".join(feature.kind for feature in each.features) or "none",
        "prompt": prompt.prompt_id,
        "longest answer": f"{prompt.decoding.max_new_tokens} tokens",
    }
    if prompt.questions:
        facts["longest answer"] = "none is written: the choices are weighed"
        facts |= {f"after {q.stem.strip()!r}": " |".join(q.choices).strip() for q in prompt.questions}
    if prompt.decoding.json_schema:
        facts["schema"] = prompt.decoding.json_schema
    for name, words in facts.items():
        console.print(f"[dim]{name:>15}[/dim]  {escape(words)}", soft_wrap=True, highlight=False)
    _block("What every row shares", prompt.instructions)
    for number, text in enumerate(found.texts, start=1):
        _block(f"Row {number}", text)
    console.print(plan_of_tables([found.plan], "What a night would ask"))


def _block(title: str, text: str) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    console.print(escape(text.rstrip("\n")), soft_wrap=True, highlight=False)
