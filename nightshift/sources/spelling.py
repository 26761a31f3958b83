"""Ids that became floats: an empty cell turns 12 into 12.0 in pandas, in one file and not in the other.

An event's item is read as the catalogue spells it, where only the `.0` is between them. Nothing else is
guessed.
"""

import polars as pl

WHOLE = r"^-?\d+(?:\.0+)?$"
"""A whole number, or one that became a float."""
POINT = r"\.0+$"


def catalogue_spelling(ids: pl.Series, catalogue: pl.Series) -> dict[str, str]:
    """Ids that the catalogue lacks -> the one it has, for ids that differ in `.0` alone."""
    unknown = ids.unique().drop_nulls()
    unknown = unknown.filter(~unknown.is_in(catalogue.implode()) & unknown.str.contains(WHOLE))
    if unknown.is_empty():
        return {}
    plain = pl.col("plain")
    known = catalogue.filter(catalogue.str.contains(WHOLE)).alias("known").to_frame()
    known = known.with_columns(plain=pl.col("known").str.replace(POINT, "")).filter(plain.is_unique())
    found = (
        unknown.alias("id")
        .to_frame()
        .with_columns(plain=pl.col("id").str.replace(POINT, ""))
        .join(known, on="plain")
    )
    return dict(found.select("id", "known").iter_rows())


def twice_spelt(ids: pl.Series) -> list[str]:
    """Ids ending in `.0` that stand there without it as well, sorted: 12.0 where 12 is."""
    different = ids.unique()
    pointed = different.filter(different.str.contains(WHOLE) & different.str.contains(POINT))
    return pointed.filter(pointed.str.replace(POINT, "").is_in(different.implode())).sort().to_list()
