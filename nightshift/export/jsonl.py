"""Lines of JSON made column by column: polars encodes values, Python never sees a row."""

import polars as pl


def encoded(**values: pl.Expr) -> pl.Expr:
    """Each row's values as one JSON object. Numbers must be finite."""
    return pl.struct([value.alias(name) for name, value in values.items()]).struct.json_encode()


def joined(parts: list[pl.Expr]) -> pl.Expr:
    """JSON texts of a row, null ones left out, as one JSON list."""
    return pl.concat_str([pl.lit("["), pl.concat_str(parts, separator=",", ignore_nulls=True), pl.lit("]")])


def extended(json: pl.Expr, name: str, value: pl.Expr) -> pl.Expr:
    """A JSON object with one more member, whose value is JSON text already."""
    return pl.concat_str([json.str.head(-1), pl.lit(f',"{name}":'), value, pl.lit("}")])
