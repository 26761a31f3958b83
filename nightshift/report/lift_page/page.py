"""The report as one HTML page, and as a picture with a sentence for an asset's page."""

import base64
import math
import uuid
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from nightshift.errors import ConfigError
from nightshift.features.candidates.settings import COLLABORATIVE
from nightshift.lift.headline import rankers_of, rows_of
from nightshift.lift.verdict import main_metric
from nightshift.night.night import Night
from nightshift.report.coverage import told_headline
from nightshift.storage.durable import make_folder, rename, sync
from nightshift.storage.sweep import sweep

if TYPE_CHECKING:  # reading a night loads SciPy, and the command line asks only where the page is
    from nightshift.lift.memorization import Memory
    from nightshift.report.lift_page.content import Content, Judgement

FILE = "lift.html"
NEEDS = (
    "the report needs altair, jinja2 and vl-convert-python; install them with: pip install "
    "'nightshift[report]'"
)


def place(night: Night) -> Path:
    """Where the night's report is, or would be."""
    return night.settings.home_folder / "reports" / f"as_of={night.as_of}" / FILE


def available() -> bool:
    """Whether what draws and writes the page is installed."""
    from importlib.util import find_spec

    return all(find_spec(name) for name in ("altair", "jinja2", "vl_convert"))


def write(night: Night, lift: pl.DataFrame, memory: "Memory | None" = None) -> Path:
    """Write the night's report and return its place. Raises ConfigError when the extra `report` is not
    installed."""
    if not available():
        raise ConfigError(NEEDS)
    from nightshift.report.lift_page.content import gather

    page, path = render(gather(night, lift, memory), told_headline(night, lift)), place(night)
    make_folder(path.parent)
    sweep(path.parent.glob(f".{FILE}*"))
    fresh = path.with_name(f".{FILE}.{uuid.uuid4().hex[:8]}")  # two trainings of one night may write at once
    try:
        fresh.write_text(page, "utf-8")
        sync(fresh)
        rename(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def render(content: "Content", said: str) -> str:
    """The page. Every value is escaped; nothing in it is fetched or run."""
    import jinja2

    folder = files("nightshift.report.lift_page")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "signed": signed,
        "plain": plain,
        "percent": percent,
        "count": count,
        "p": p_value,
    }
    template = environment.from_string(folder.joinpath("page.html.j2").read_text("utf-8"))
    style = folder.joinpath("page.css").read_text("utf-8")
    drawn = [_drawn(judgement) for judgement in content.judgements]
    return template.render(
        content=content, headline=said, style=style, parts=list(zip(content.judgements, drawn, strict=True))
    )


def _drawn(judgement: "Judgement") -> dict[str, Any]:
    """The ranker's charts as SVG, by name."""
    from markupsafe import Markup

    from nightshift.report.lift_page import charts

    metric, drawn = judgement.metric.upper(), _forests(judgement)
    if judgement.bins:
        drawn["calibration"] = charts.svg(
            charts.calibration(judgement.bins), "Observed against predicted chance"
        )
    if _any(judgement.bought):
        drawn["cost"] = charts.svg(
            charts.cost(judgement.bought, metric), f"{metric} gained over base against what it cost"
        )
    if judgement.by_seed:
        drawn["seeds"] = charts.svg(
            charts.by_seed(judgement.by_seed, metric), f"{metric} of every arm, a dot a seed"
        )
    return {name: Markup(text) for name, text in drawn.items()}


def _forests(judgement: "Judgement") -> dict[str, str]:
    """Differences with their intervals: overall, by slice, by group of users. The base's lead over its
    sources has a scale of its own."""
    from nightshift.report.lift_page import charts

    metric = judgement.metric.upper()
    wanted = {"forest": (_of_arms(judgement.compared), f"{metric} differences with 95% intervals")}
    leads = [row for row in judgement.compared if row["against"] in COLLABORATIVE]
    wanted["sources"] = (leads, f"{metric} of the base over candidate sources as rankers, with 95% intervals")
    wanted |= {
        name: (rows, f"{name} by slice, {metric}, with 95% intervals")
        for name, rows in judgement.sliced.items()
        if _any(rows)
    }
    for column, rows in judgement.groups.items():
        if _any(rows):
            wanted[f"group {column}"] = (rows, f"llm minus base by {column}, {metric}, with 95% intervals")
    return {
        name: charts.svg(charts.forest(rows, f"{metric}, thousandths"), about)
        for name, (rows, about) in wanted.items()
        if rows
    }


def _of_arms(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Differences between arms, without those from a candidate source: a lead ten times theirs would hide
    their intervals."""
    return [row for row in rows if row["against"] not in COLLABORATIVE]


def _any(rows: list[dict[str, Any]]) -> bool:
    """Whether any row has an interval to draw."""
    return any(row["ci_low"] is not None for row in rows)


def picture(lift: pl.DataFrame) -> str:
    """Markdown of the overall differences as a picture, for an asset's page; the first ranker's."""
    from nightshift.report.lift_page import charts

    metric, rows = main_metric(lift), rows_of(lift, rankers_of(lift)[0])
    named = [row | {"name": f"{arm} - {against}"} for (arm, against), row in rows.items() if arm != against]
    encoded = base64.b64encode(
        charts.png(charts.forest(_of_arms(named), f"{metric.upper()}, thousandths"))
    ).decode("ascii")
    return f"![{metric.upper()} differences with 95% intervals](data:image/png;base64,{encoded})"


def signed(value: float | None) -> str:
    """`+0.0013`; a dash for no number."""
    return "–" if value is None or not math.isfinite(value) else f"{value:+.4f}".replace("-", "−")


def plain(value: float | None, digits: int = 4) -> str:
    """`0.7730`; a dash for no number."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """`43%`; a dash for no number."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.0%}"


def count(value: float | None) -> str:
    """`20,001`; a dash for no number."""
    return "–" if value is None else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """`0.043`, `< 0.001`; a dash for no number."""
    if value is None or not math.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
