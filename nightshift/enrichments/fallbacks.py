"""Every row gets a value, and every row says where it came from: `llm`, else last night's (`carried`),
else `group`, else `template`."""

import polars as pl

FROM_A_MODEL = ("llm", "carried")
"""Origins of what a model once wrote for this very row."""


def settle(
    rows: pl.DataFrame,
    written: pl.DataFrame,
    last: pl.DataFrame,
    template: pl.DataFrame,
    key: list[str],
    group: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row for every row of `rows` (its `key` columns), from the first source that has it.

    `written` are tonight's accepted answers, `last` the table as last published (rows a model once wrote
    count), `group` what is known of the row's group, `template` has a row for every key. All carry the
    same columns beside `origin`, which is set here.
    """
    columns = [name for name in template.columns if name != "origin"]
    carried = last.filter(pl.col("origin").is_in(FROM_A_MODEL)) if last.height else template.clear()
    grouped = template.clear() if group is None else group
    sources = (("llm", written), ("carried", carried), ("group", grouped), ("template", template))
    candidates = pl.concat(
        frame.select(columns).with_columns(pl.lit(origin).alias("origin")) for origin, frame in sources
    )
    chosen = candidates.unique(key, keep="first", maintain_order=True)
    return rows.select(key).join(chosen, on=key, how="inner", maintain_order="left")


def counts(frame: pl.DataFrame) -> dict[str, int]:
    """Rows by origin."""
    return dict(frame.group_by("origin").len().sort("origin").iter_rows())


def fallbacks(frame: pl.DataFrame) -> dict[str, int]:
    """Rows by origin, those a model answered for tonight left out."""
    return {origin: n for origin, n in counts(frame).items() if origin != "llm"}
