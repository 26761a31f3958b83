"""What people read in the terminal: the plan, an item, a user, the lift."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from rich.console import Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table as Grid

from jobs.console import console
from jobs.planning import NightPlan
from jobs.terminal_tables import bullets, stacked
from nightshift.enrichments.base import Enrichment
from nightshift.errors import InputError
from nightshift.lift.arms import WITHOUT
from nightshift.lift.headline import rankers_of
from nightshift.lift.slices import MAIN_SLICES
from nightshift.lift.verdict import gaps_told, main_metric, verdict
from nightshift.models.llm.prices import unknown
from nightshift.night.heartbeat import dollars, money
from nightshift.night.night import Night
from nightshift.night.plan import TablePlan
from nightshift.report.coverage import told_headline
from nightshift.report.lift_page.page import place
from nightshift.tables import INTERACTIONS, ITEM_FACTS, ITEM_TAG_SCORES, ITEMS, LIFT, USER_PREFERENCES, Table


def show_plan(plan: NightPlan) -> None:
    """The plan as a table, why its rows are asked, and what it leaves out."""
    console.print(plan_of_tables(plan.tables, f"Night {plan.as_of}"))
    for line in _said_of(plan):
        console.print(f"[dim]{escape(line)}[/dim]")


def plan_of_tables(tables: Sequence[TablePlan], title: str) -> Group:
    """Plans of tables, one a line."""
    names = ("table", "rows", "answered", "pending", "deferred", "tokens", "USD", "minutes")
    return stacked(names, [_planned(table) for table in tables], console.width, title)


def _planned(table: TablePlan) -> list[str]:
    counted = (table.rows, table.answered, table.pending.height, table.deferred, table.tokens)
    return [
        table.table,
        *(f"{number:,}" for number in counted),
        dollars(table.cost_usd),
        f"{table.seconds / 60:.1f}",
    ]


def _said_of(plan: NightPlan) -> Iterator[str]:
    """What the numbers of a plan do not say."""
    for table in plan.tables:
        if table.why:
            yield f"{table.table}: {_reasons(table)}"
    rejected = {table.table: table.rejected for table in plan.tables if table.rejected}
    if rejected:
        yield f"Asked often enough without an acceptable answer: {rejected}; see the table `rejects`."
    if any(table.cost_usd is None for table in plan.tables):
        yield unknown(plan.model)
    if plan.budget.get("minutes") is not None:
        yield (
            "Minutes, and budget.minutes, are the language model's: embedding, features and checks come "
            "on top."
        )
    if not plan.exact:
        yield (
            "Prompt tokens are estimated, by what the server counted before, else at four characters a token."
        )


def _reasons(table: TablePlan) -> str:
    """`38 text_changed, 2 rejected (too_long 1, refusal 1); about 3 re-asks`."""
    words = []
    for why, count in table.why.items():
        causes = (
            ", ".join(f"{reason} {rows:,}" for reason, rows in table.rejected_for.items())
            if why == "rejected"
            else ""
        )
        words.append(f"{count:,} {why}" + (f" ({causes})" if causes else ""))
    return ", ".join(words) + (f"; about {table.reasks:,} re-asks" if table.reasks else "")


def show_item(night: Night, item_id: str) -> None:
    """What is known and was written about one item. Raises InputError when the night has no such item."""
    item = _row(night, ITEMS, "item_id", item_id)
    fact = _row(night, ITEM_FACTS, "item_id", item_id)
    scores = (
        night.store.read(ITEM_TAG_SCORES, night.as_of)
        .filter(pl.col("item_id") == item_id)
        .sort("score", descending=True)
    )
    best = ", ".join(
        f"{tag} {score:+.2f}" for tag, score in scores.select("tag", "score").head(6).iter_rows()
    )
    story = {
        "title": item["title"],
        "read": " ".join([", ".join(item["attributes"] or []), (item["text"] or "")[:200]]).strip()
        or "the title only",
        "chose": best or ", ".join(fact["tags"]) or "nothing yet",
        "wrote": f"{fact['summary']} ({fact['origin']})",
    }
    more = _more(night, "item", item_id, (ITEM_FACTS, ITEM_TAG_SCORES))
    _panel(f"item {item_id}", story | _paid(night, fact) | more)


def show_user(night: Night, user_id: str) -> None:
    """What was read out of one user's history. Raises InputError when the night has no such user."""
    user = _row(night, USER_PREFERENCES, "user_id", user_id)
    story = {
        "history": f"{user['history_length']} events, the newest {user['last_event_at']:%Y-%m-%d %H:%M}",
        "likes": ", ".join(user["likes"]) or "nothing in the vocabulary",
        "dislikes": ", ".join(user["dislikes"]) or "nothing in the vocabulary",
        "wrote": f"{user['summary']} ({user['origin']})",
    }
    more = _more(night, "user", user_id, (USER_PREFERENCES,))
    _panel(f"user {user_id}", story | _paid(night, user) | more)


def _more(night: Night, entity: str, key: str, told: tuple[Table, ...]) -> dict[str, str]:
    """What every other enrichment has about the row, by its name."""
    names = {table.name for table in told}
    others = [
        each for each in night.registry.values() if each.entity.name == entity and each.name not in names
    ]
    return {each.name: _said(night, each, key) for each in others if night.store.has(each.table, night.as_of)}


def _said(night: Night, each: Enrichment[Any], key: str) -> str:
    """`choice work, probability 0.61 (llm)`: the columns of its first rows."""
    rows = night.store.scan(each.table, night.as_of).filter(pl.col(each.entity.key_columns[0]) == key).head(3)
    texts = [_in_words(row, each) for row in rows.collect().iter_rows(named=True)]
    return "; ".join(texts) or "nothing yet"


def _in_words(row: dict[str, Any], each: Enrichment[Any]) -> str:
    values = ((name, row[name]) for name in each.columns if row[name] is not None)
    shown = ", ".join(
        f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in values
    )
    return f"{shown} ({row['origin']})" if each.is_written else shown


def _panel(title: str, story: dict[str, str]) -> None:
    grid = Grid.grid(padding=(0, 2))
    for label, text in story.items():
        grid.add_row(f"[dim]{label}[/dim]", escape(text))
    console.print(Panel(grid, title=escape(title), title_align="left", expand=False))


def _row(night: Night, table: Table, key: str, value: str) -> dict[str, Any]:
    rows = night.store.scan(table, night.as_of).filter(pl.col(key) == value).collect()
    if rows.is_empty():
        some = night.store.scan(table, night.as_of).select(key).head(3).collect()[key].to_list()
        raise InputError(
            f"{table.name} of {night.as_of} has no {key} {value!r}; it has for example {', '.join(some)}"
        )
    return rows.row(0, named=True)


def _paid(night: Night, row: dict[str, Any]) -> dict[str, str]:
    if row["content_key"] is None:
        return {"by": "the template, at no cost"}
    by = {"by": f"{row['model_id']}, prompt {row['prompt_id']}"}
    paid = night.ledgers.answers.lookup([row["content_key"]])
    if paid.is_empty():
        return by
    answer = paid.row(0, named=True)
    cost = "unknown price" if answer["cost_usd"] is None else money(answer["cost_usd"])
    tokens = (
        f"{answer['prompt_tokens']} prompt tokens ({answer['cached_tokens']} reused) and "
        f"{answer['new_tokens']} new"
    )
    return by | {
        "when": f"{answer['created_at']:%Y-%m-%d %H:%M} UTC, for night {answer['as_of']}",
        "cost": f"{tokens}, {answer['seconds']:.2f} s, {cost}",
    }


def show_written(night: Night) -> None:
    """Every table of the home: nights, rows of the newest, folder."""
    rows = [
        [
            name,
            str(len(nights)),
            f"{night.store.manifest(name, nights[-1]).rows:,}",
            f"tables/{name}/as_of={nights[-1]}/",
        ]
        for name, nights in night.store.published().items()
    ]
    console.print(f"Written under {night.settings.home_folder}", markup=False, soft_wrap=True)
    console.print(
        stacked(("table", "nights", "rows, newest", "folder"), rows, console.width, words=("folder",))
    )


def show_training(night: Night) -> None:
    """What a training found: the table `lift` and its verdict, and where the report is."""
    lift = night.store.read(LIFT, night.as_of)
    show_lift(lift, headline=told_headline(night, lift))
    show_report(night)


def show_lift(lift: pl.DataFrame, metric: str | None = None, headline: str = "") -> None:
    """The main comparisons by the main slices with their 95% intervals, then the verdict in words; the
    report has the others."""
    metric = metric or main_metric(lift)
    shown = pl.col("slice").is_in(MAIN_SLICES) & ~pl.col("against").str.starts_with(WITHOUT)
    rows = lift.filter((pl.col("metric") == metric) & (pl.col("arm") != pl.col("against")) & shown)
    rankers = rankers_of(rows)
    title = f"{metric.upper()} differences in thousandths, 95% intervals over users"
    for ranker in rankers:
        console.print(
            _comparisons(
                rows.filter(pl.col("ranker") == ranker), f"{title}; {ranker}" if len(rankers) > 1 else title
            )
        )
    if headline:
        console.print(f"[bold]{escape(headline)}[/bold]")
    console.print(
        bullets([*verdict(lift.filter(pl.col("slice") == "all"), metric), *gaps_told(lift, metric)])
    )


def show_report(night: Night) -> None:
    """Where the night's report is, or how to get one."""
    path = place(night)
    said = (
        f"report    {path}"
        if path.exists()
        else f"no report of {night.as_of}: it needs the extra `report` and lift.report; then nightshift train"
    )
    console.print(said, markup=False, soft_wrap=True)


def _comparisons(rows: pl.DataFrame, title: str) -> Group:
    """A line a slice, a column a pair of arms."""
    pairs = list(dict.fromkeys(rows.select("arm", "against").iter_rows()))
    names = ["slice", "rows", *(f"{arm} -\n{against}" for arm, against in pairs)]
    lines = [_compared(part, cells, pairs) for (part,), cells in rows.group_by("slice", maintain_order=True)]
    return stacked(names, lines, console.width, title)


def _compared(part: object, cells: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """One slice: its rows, and what every pair of arms differs by."""
    found = {(row["arm"], row["against"]): row for row in cells.to_dicts()}
    return [
        str(part).replace(" (", "\n("),
        f"{cells['n_rows'][0]:,}",
        *(_difference(found.get(pair)) for pair in pairs),
    ]


def _difference(row: dict[str, Any] | None) -> str:
    if row is None or row["difference"] is None or row["ci_low"] is None:
        return "no number"
    clear = row["ci_low"] > 0 or row["ci_high"] < 0
    text = f"{_short(row['difference'])}\n{_short(row['ci_low'])} {_short(row['ci_high'])}"
    return f"[bold]{text}[/bold]" if clear else text


def _short(value: float) -> str:
    """`+1.2`: a difference in thousandths."""
    return f"{1000 * value:+.1f}"


def most_seen(night: Night, count: int) -> list[str]:
    """Items with the most events among those a model wrote about."""
    written = night.store.scan(ITEM_FACTS, night.as_of).filter(pl.col("origin") == "llm").select("item_id")
    events = night.store.scan(INTERACTIONS, night.as_of).group_by("item_id").len()
    ranked = written.join(events, on="item_id").sort("len", "item_id", descending=[True, False]).head(count)
    return ranked.collect()["item_id"].to_list()
