"""Columns as Dagster shows them: type, meaning, constraints, and the columns of other tables that each
comes from."""

from collections.abc import Iterable, Sequence

import dagster as dg
import polars as pl

from nightshift.enrichments.registry import Registry
from nightshift.night.lineage import derives_from
from nightshift.tables import Column, Table

FEATURE = Column(pl.Float32, "a feature; NaN where missing", required=False)


def column_schema(table: Table, registry: Registry, features: Sequence[str] = ()) -> dg.TableSchema:
    """The table's columns and the feature columns of a wide one; each says where it comes from."""
    columns = table.columns | dict.fromkeys(features, FEATURE)
    sources = derives_from(table, columns, registry)
    return dg.TableSchema(
        [_column(name, column, name in table.key, sources.get(name, ())) for name, column in columns.items()]
    )


def _column(name: str, column: Column, in_key: bool, sources: Sequence[str]) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(
        nullable=not column.required, unique=False, other=["key"] if in_key else []
    )
    about = f"{column.about} (from {', '.join(sources)})" if sources else column.about
    return dg.TableColumn(name, str(column.dtype), about, constraints)


def column_lineage(table: Table, columns: Iterable[str], registry: Registry) -> dg.TableColumnLineage:
    """From which columns of which assets these columns come, in Dagster's own terms."""
    return dg.TableColumnLineage(
        {
            name: [_dep(source) for source in sources]
            for name, sources in derives_from(table, columns, registry).items()
        }
    )


def _dep(source: str) -> dg.TableColumnDep:
    table, column = source.split(".")
    return dg.TableColumnDep(dg.AssetKey(table), column)
