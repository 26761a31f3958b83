"""Charts as SVG text, drawn once: no script in the page, and colours that follow the reader's theme and
printer.

Colours are CSS variables of the page (`page.css`); the picture for an asset's page has them filled in.
Every chart is as wide as a phone and stands beside others on a desk.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import polars as pl

from nightshift.lift.cost import Cost
from nightshift.lift.verdict import FEW_ROWS, FEW_USERS

INK, FAINT, GAIN, LOSS, NONE, PLACEBO = (
    "var(--ink)",
    "var(--faint)",
    "var(--gain)",
    "var(--loss)",
    "var(--none)",
    "var(--placebo)",
)
LIGHT = {
    INK: "#1b1f24",
    FAINT: "#8a919b",
    GAIN: "#1a7f4b",
    LOSS: "#b3392f",
    NONE: "#5b6673",
    PLACEBO: "#a0662a",
}
"""The page's light colours, for a picture outside it."""
WIDTH = 340
"""Pixels of a chart, labels included."""
LABELS, MARGIN = 160, 20
"""Pixels for the names of rows, and right of the plot."""
ROW = 26
"""Pixels of a row."""
FONT = "system-ui, sans-serif"


def forest(rows: list[dict[str, Any]], title: str) -> Any:
    """Differences in thousandths with their 95% intervals, a row each: `name`, `difference`, `ci_low`,
    `ci_high`, optionally `seeds`.

    The scale is made for rows that support a claim; intervals of the others may run out of the picture and
    are drawn faintly.
    """
    import altair as alt

    known = [row for row in rows if row["difference"] is not None and row["ci_low"] is not None]
    points = [_thousandths(row) for row in known]
    data = alt.InlineData(values=points)
    order = [point["name"] for point in points]
    y = alt.Y("name:N", sort=order, axis=_names(LABELS))
    x = alt.X(
        "low:Q",
        title=title,
        scale=alt.Scale(domain=_span(points), clamp=False),
        axis=alt.Axis(tickCount=4, gridDash=[1, 3], labelOverlap=True, labelSeparation=4),
    )
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=["gain", "loss", "none"], range=[GAIN, LOSS, NONE]), legend=None
    )
    base = alt.Chart(data)
    zero = alt.Chart(alt.InlineData(values=[{"x": 0}])).mark_rule(color=INK, strokeWidth=1).encode(x="x:Q")
    seeds = [
        {"name": _short(row["name"]), "seed": 1000 * value} for row in known for value in row.get("seeds", ())
    ]
    ticks = (
        alt.Chart(alt.InlineData(values=seeds))
        .mark_tick(color=FAINT, thickness=1, size=ROW * 0.6, clip=True)
        .encode(y=y, x="seed:Q")
    )
    faint = alt.Opacity("sure:N", scale=alt.Scale(domain=[False, True], range=[0.4, 1]), legend=None)
    lines = base.mark_rule(strokeWidth=3, clip=True).encode(
        y=y, x=x, x2="high:Q", color=colour, opacity=faint
    )
    dots = base.mark_point(filled=True, size=70, clip=True).encode(
        y=y, x="value:Q", color=colour, opacity=faint
    )
    layers = [zero, *([ticks] if seeds else []), lines, dots]
    return alt.layer(*layers).properties(width=WIDTH - LABELS - MARGIN, height=alt.Step(ROW))


def _names(width: int) -> Any:
    """An axis of names with room for them whatever font the reader has."""
    import altair as alt

    return alt.Axis(
        title=None,
        labelLimit=width,
        minExtent=width,
        maxExtent=width,
        domain=False,
        ticks=False,
        labelPadding=8,
    )


def _span(points: list[dict[str, Any]]) -> list[float]:
    """Ends of the scale: all of what supports a claim, zero and every point estimate."""
    sure = [point for point in points if point["sure"]] or points
    ends = [
        0.0,
        *(point["low"] for point in sure),
        *(point["high"] for point in sure),
        *(point["value"] for point in points),
    ]
    margin = 0.06 * (max(ends) - min(ends)) or 1.0
    return [min(ends) - margin, max(ends) + margin]


def _short(name: str) -> str:
    """`cold items (under 5 events)` -> `cold items`: what fits beside a row; the table has the whole name."""
    return name.split(" (")[0]


def _thousandths(row: dict[str, Any]) -> dict[str, Any]:
    clear = row["slice"] == "all" or row["p_holm"] is None or row["p_holm"] < 0.05
    kind = "none" if not clear else "gain" if row["ci_low"] > 0 else "loss" if row["ci_high"] < 0 else "none"
    low, high, value = (1000 * row[column] for column in ("ci_low", "ci_high", "difference"))
    sure = row["n_users"] >= FEW_USERS and row["n_rows"] >= FEW_ROWS
    return {"name": _short(row["name"]), "low": low, "high": high, "value": value, "kind": kind, "sure": sure}


def calibration(bins: dict[str, pl.DataFrame]) -> Any:
    """Observed against predicted chance by arm, with 95% intervals; on the diagonal a probability means
    what it says."""
    import altair as alt

    rows = [row | {"arm": arm} for arm, frame in bins.items() for row in frame.to_dicts()]
    top = max([row["high"] for row in rows] + [row["predicted"] for row in rows], default=1.0)
    scale = alt.Scale(domain=[0, min(1.0, top * 1.02)], nice=False)
    ends: list[dict[str, Any]] = [{"a": 0.0}, {"a": min(1.0, top * 1.02)}]
    diagonal = alt.Chart(alt.InlineData(values=ends)).mark_line(color=FAINT, strokeDash=[3, 3])
    colour = alt.Color("arm:N", scale=alt.Scale(domain=list(bins), range=[NONE, GAIN, PLACEBO][: len(bins)]))
    x = alt.X("predicted:Q", title="predicted", scale=scale, axis=alt.Axis(tickCount=4, grid=False))
    base = alt.Chart(alt.InlineData(values=rows))
    lines = base.mark_line(strokeWidth=1.5).encode(x=x, y="observed:Q", color=colour)
    bars = base.mark_rule(opacity=0.6).encode(
        x=x,
        y=alt.Y("low:Q", scale=scale, axis=alt.Axis(title="observed", tickCount=4)),
        y2="high:Q",
        color=colour,
    )
    dots = base.mark_point(filled=True, size=30, opacity=1).encode(x=x, y="observed:Q", color=colour)
    straight = diagonal.encode(x=alt.X("a:Q", scale=scale), y=alt.Y("a:Q", scale=scale))
    return alt.layer(straight, bars, lines, dots).properties(width=WIDTH - 60, height=WIDTH - 60)


def by_seed(values: dict[str, list[float]], metric: str) -> Any:
    """Each arm's metric, a dot a seed."""
    import altair as alt

    rows = [{"arm": arm, "value": value} for arm, seeds in values.items() for value in seeds]
    x = alt.X(
        "value:Q",
        title=metric,
        scale=alt.Scale(zero=False),
        axis=alt.Axis(tickCount=2, format=".4f", gridDash=[1, 3]),
    )
    y = alt.Y("arm:N", sort=list(values), axis=_names(LABELS))
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(filled=True, size=60, opacity=0.65, color=NONE)
        .encode(x=x, y=y)
    )
    return chart.properties(width=WIDTH - LABELS - MARGIN, height=alt.Step(ROW))


def cost(rows: list[dict[str, Any]], metric: str) -> Any:
    """Gain over base in thousandths with its 95% interval against what the arm cost; rows of `lift` with a
    `cost` each.

    Money where every price is known and anything was paid, else tokens, else minutes of the machine.
    """
    import altair as alt

    priced = [row for row in rows if row["difference"] is not None and row["ci_low"] is not None]
    title, of = _currency([row["cost"] for row in priced])
    points = [_thousandths(row | {"name": row["arm"]}) | {"cost": of(row["cost"])} for row in priced]
    top = max((point["cost"] for point in points), default=0.0) or 1.0
    x = alt.X(
        "cost:Q",
        title=title,
        scale=alt.Scale(domain=[-0.06 * top, 1.3 * top], nice=False),
        axis=alt.Axis(tickCount=4, grid=False),
    )
    y = alt.Y(
        "low:Q",
        title=f"{metric} over base, thousandths",
        scale=alt.Scale(domain=_span(points)),
        axis=alt.Axis(gridDash=[1, 3], tickCount=5),
    )
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=["gain", "loss", "none"], range=[GAIN, LOSS, NONE]), legend=None
    )
    base = alt.Chart(alt.InlineData(values=points))
    zero = alt.Chart(alt.InlineData(values=[{"y": 0}])).mark_rule(color=INK, strokeWidth=1).encode(y="y:Q")
    lines = base.mark_rule(strokeWidth=3).encode(x=x, y=y, y2="high:Q", color=colour)
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, y="value:Q", color=colour)
    names = base.mark_text(align="left", dx=9, color=INK, font=FONT, fontSize=12).encode(
        x=x, y="value:Q", text="name:N"
    )
    return alt.layer(zero, lines, dots, names).properties(width=WIDTH - 70, height=WIDTH - 130)


def _currency(costs: list[Cost]) -> tuple[str, Callable[[Cost], float]]:
    """The unit that costs are drawn in, and how a cost is read in it."""
    if all(cost.usd is not None for cost in costs) and any(cost.usd for cost in costs):
        return "US dollars", lambda cost: cost.usd or 0.0
    most = max((cost.prompt_tokens + cost.new_tokens for cost in costs), default=0)
    if most:
        unit, name = (1e6, "million") if most >= 1e6 else (1e3, "thousand")
        return f"{name} tokens", lambda cost: (cost.prompt_tokens + cost.new_tokens) / unit
    return "minutes of the machine", lambda cost: cost.seconds / 60


def _styled(chart: Any) -> dict[str, Any]:
    """The chart's specification in the page's type and colours, without a background."""
    axis = {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": FAINT,
        "tickColor": FAINT,
        "gridColor": FAINT,
        "gridOpacity": 0.5,
    }
    text = {
        "labelFont": FONT,
        "titleFont": FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    styled = (
        chart.configure(
            background="transparent", font=FONT, padding={"left": 8, "right": MARGIN, "top": 4, "bottom": 4}
        )
        .configure_view(strokeWidth=0)
        .configure_axis(**axis, **text)
    )
    legend = {"labelColor": INK, "labelFontSize": 12, "orient": "top", "title": None, "symbolOpacity": 1}
    spec: dict[str, Any] = styled.configure_legend(**legend).to_dict()
    return spec


def svg(chart: Any, about: str) -> str:
    """The chart as an SVG element that a screen reader reads as `about`."""
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(_styled(chart))
    own = sha256(text.encode()).hexdigest()[
        :8
    ]  # ids are the page's, not the chart's: two charts must not share one
    text = re.sub(r'(id="|url\(#)', rf"\g<1>c{own}-", text)
    label = about.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', text, count=1)


def png(chart: Any) -> bytes:
    """The chart as a picture on white."""
    import json

    import vl_convert

    text = json.dumps(_styled(chart))
    for name, colour in LIGHT.items():
        text = text.replace(name, colour)
    picture: bytes = vl_convert.vegalite_to_png(json.loads(text.replace('"transparent"', '"white"')), scale=2)
    return picture
