"""When two texts say the same: letter case, spaces and marks at the end make no difference."""

import polars as pl


def folded(text: pl.Expr) -> pl.Expr:
    """A text as it is compared with others.

    >>> pl.select(folded(pl.lit("A  dark Comedy!"))).item()
    'a dark comedy'
    """
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars(" .!?。")
