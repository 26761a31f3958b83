"""What every asset shares: how it is declared from its table, and how its night is checked, published and shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.ranges import over_nights
from assets.samples import SAMPLE_ROWS, markdown
from nightshift import __version__
from nightshift.checks import Checked, schema
from nightshift.errors import NightFailed
from nightshift.night import Night
from nightshift.store import Manifest, digest_of
from nightshift.tables import SCHEMA_VERSION, Column, Table

CODE_VERSION = f"{__version__}+schema{SCHEMA_VERSION}"
FEATURE = Column(pl.Float32, "a feature; NaN where missing", required=False)
Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]
Body = Callable[..., Events]


def table_asset(
    table: Table,
    *,
    group: str,
    kinds: set[str],
    deps: Sequence[Table] = (),
    checks: Mapping[str, str] | None = None,
    pool: str | None = None,
) -> Callable[[Body], dg.AssetsDefinition]:
    """Declare the asset of a table. `checks` maps a check's name to what it says; names that begin with `warn:` only warn."""

    def declare(body: Body) -> dg.AssetsDefinition:
        about = f"{table.about}\n\n{body.__doc__ or ''}".strip()
        return dg.asset(
            name=table.name,
            group_name=group,
            kinds=kinds | {"parquet"},
            deps=[dg.AssetDep(dep.name) for dep in deps],
            description=about,
            code_version=CODE_VERSION,
            pool=pool,
            metadata={"dagster/column_schema": column_schema(table)},
            check_specs=[_spec(table, name, says) for name, says in {"schema": SCHEMA_SAYS, **(checks or {})}.items()],
        )(over_nights(table.name, body))

    return declare


SCHEMA_SAYS = "Columns, types, required values and the unique key are those of the table."


def _spec(table: Table, name: str, says: str) -> dg.AssetCheckSpec:
    blocking = not name.startswith("warn:")
    return dg.AssetCheckSpec(name.removeprefix("warn:"), asset=table.name, description=says, blocking=blocking)


def column_schema(table: Table, features: Sequence[str] = ()) -> dg.TableSchema:
    """The table's columns as Dagster shows them, and the feature columns of a wide one."""
    named = [_column(name, column, name in table.key) for name, column in table.columns.items()]
    return dg.TableSchema(columns=named + [_column(name, FEATURE, False) for name in features])


def _column(name: str, column: Column, in_key: bool) -> dg.TableColumn:
    constraints = dg.TableColumnConstraints(nullable=not column.required, unique=False, other=["key"] if in_key else [])
    return dg.TableColumn(name, str(column.dtype), column.about, constraints)


def publish(
    night: Night,
    table: Table,
    frame: pl.DataFrame,
    checks: Sequence[Checked] = (),
    *,
    inputs: Mapping[str, Manifest] | None = None,
    rejects: pl.DataFrame | None = None,
    fallbacks: Mapping[str, int] | None = None,
    numbers: Mapping[str, Any] | None = None,
    show: Mapping[str, Any] | None = None,
    sample: pl.DataFrame | None = None,
) -> Events:
    """Check, publish, show. Nothing is published when a blocking check fails: the night fails with the check's message."""
    done = [schema(table, frame), *checks]
    failed = [check for check in done if check.blocking and not check.passed]
    if failed:
        yield from (_result(table, check, frame.height) for check in done)
        raise NightFailed(f"{table.name} of {night.as_of} was not published. {failed[0].name}: {failed[0].message}")
    manifest = night.store.publish(
        table,
        night.as_of,
        frame,
        inputs=digest_of(inputs or {}),
        fallbacks=fallbacks,
        metadata=dict(numbers or {}),
        rejects=rejects,
    )
    yield dg.MaterializeResult(
        metadata=_shown(night, table, manifest, frame.columns, frame if sample is None else sample, numbers or {}, show or {}),
        check_results=[_result(table, check, frame.height) for check in done],
    )


def _result(table: Table, check: Checked, rows: int) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=check.name,
        asset_key=table.name,
        passed=check.passed,
        severity=severity,
        description=check.message,
        metadata={"rows": rows} | {name: value for name, value in check.numbers.items() if isinstance(value, int | float)},
    )


def _shown(
    night: Night,
    table: Table,
    manifest: Manifest,
    columns: Sequence[str],
    sample: pl.DataFrame,
    numbers: Mapping[str, Any],
    show: Mapping[str, Any],
) -> dict[str, Any]:
    """What the asset page says of a night, in this order: rows, words, sample, numbers, rows by origin, folder."""
    shown: dict[str, Any] = {"dagster/row_count": manifest.rows, **show, "sample": dg.MetadataValue.md(markdown(sample.head(SAMPLE_ROWS)))}
    if table.open:
        shown["dagster/column_schema"] = column_schema(table, [name for name in columns if name not in table.columns])
    shown |= {name: value for name, value in numbers.items() if isinstance(value, int | float | str)}
    shown |= {f"origin: {origin}": count for origin, count in manifest.fallbacks.items() if origin not in numbers}
    return shown | {"folder": dg.MetadataValue.path(str(night.store.folder(table, night.as_of)))}


def manifests(night: Night, *tables: Table) -> dict[str, Manifest]:
    """Manifests of tonight's tables, by name."""
    return {table.name: night.store.manifest(table, night.as_of) for table in tables}
