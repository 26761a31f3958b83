"""What every asset shares: how it is declared from its table, and how its night is checked, published and shown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import polars as pl

from nightshift import __version__
from nightshift.checks import Checked, schema
from nightshift.errors import NightFailed
from nightshift.night import Night
from nightshift.store import Manifest, digest_of
from nightshift.tables import SCHEMA_VERSION, Column, Table

SAMPLE_ROWS = 5
SAMPLE_COLUMNS = 10
CELL_CHARS = (90, 60, 40, 25, 15, 8)
"""Lengths to which a sample's cells are cut, the longest first that keeps the whole sample in sight."""
IN_SIGHT = 1000
"""Dagster shows a markdown text of fewer characters on the page, and a longer one behind a link."""
LINEAGE = ("prompt_id", "model_id", "content_key")
"""Columns a sample leaves out: they are alike in every row and wide."""
CODE_VERSION = f"{__version__}+schema{SCHEMA_VERSION}"
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
        )(body)

    return declare


SCHEMA_SAYS = "Columns, types, required values and the unique key are those of the table."


def _spec(table: Table, name: str, says: str) -> dg.AssetCheckSpec:
    blocking = not name.startswith("warn:")
    return dg.AssetCheckSpec(name.removeprefix("warn:"), asset=table.name, description=says, blocking=blocking)


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as Dagster shows them."""
    return dg.TableSchema(columns=[_column(name, column, name in table.key) for name, column in table.columns.items()])


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
        metadata=_shown(night, table, manifest, frame if sample is None else sample, numbers or {}, show or {}),
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
    night: Night, table: Table, manifest: Manifest, sample: pl.DataFrame, numbers: Mapping[str, Any], show: Mapping[str, Any]
) -> dict[str, Any]:
    """What the asset page says of a night, in this order: rows, words, sample, numbers, rows by origin, folder."""
    shown: dict[str, Any] = {"dagster/row_count": manifest.rows, **show, "sample": dg.MetadataValue.md(markdown(sample.head(SAMPLE_ROWS)))}
    shown |= {name: value for name, value in numbers.items() if isinstance(value, int | float | str)}
    shown |= {f"origin: {origin}": count for origin, count in manifest.fallbacks.items() if origin not in numbers}
    return shown | {"folder": dg.MetadataValue.path(str(night.store.folder(table, night.as_of)))}


def each_origin(frame: pl.DataFrame) -> pl.DataFrame:
    """A sample of a table with fallbacks: rows that the model wrote, then one row of each other origin."""
    others = frame.filter(pl.col("origin") != "llm").unique("origin", keep="first", maintain_order=True).sort("origin")
    return pl.concat([frame.filter(pl.col("origin") == "llm").head(SAMPLE_ROWS - others.height), others])


def each_family(frame: pl.DataFrame) -> pl.DataFrame:
    """A sample of a wide table: the columns that are no feature, then the first features of every family."""
    families: dict[str, list[str]] = {}
    for name in frame.columns:
        families.setdefault(name.split("__")[0] if "__" in name else "", []).append(name)
    plain = families.pop("", [])
    each = max((SAMPLE_COLUMNS - len(plain)) // max(len(families), 1), 1)
    return frame.select(plain + [name for names in families.values() for name in names[:each]])


def bullets(name: str, lines: Sequence[str]) -> dict[str, Any]:
    """Lines as lists that Dagster shows on the page: as many numbered entries as their length asks for."""
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) + 3 >= IN_SIGHT:
            texts.append("")
        texts[-1] += f"- {line}\n"
    names = [name] if len(texts) == 1 else [f"{name} {number} of {len(texts)}" for number in range(1, len(texts) + 1)]
    return {name: dg.MetadataValue.md(text) for name, text in zip(names, texts, strict=True)}


def markdown(frame: pl.DataFrame) -> str:
    """Rows as a markdown table that fits on the page: lineage and empty columns are left out, long values are cut."""
    if frame.is_empty():
        return "no rows"
    kept = [column.name for column in frame if column.name not in LINEAGE and column.null_count() < frame.height]
    frame = frame.select(kept[:SAMPLE_COLUMNS])
    tables = [_table(frame, chars) for chars in CELL_CHARS]
    return next((table for table in tables if len(table) < IN_SIGHT), tables[-1])


def _table(frame: pl.DataFrame, chars: int) -> str:
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    lines += ["| " + " | ".join(_cell(value, chars) for value in row) + " |" for row in frame.iter_rows()]
    return "\n".join(lines)


def _cell(value: Any, chars: int) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list) and value and isinstance(value[0], float):
        return f"{len(value)} numbers"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str("" if value is None else value)
    text = text.replace("\n", " ")
    cut = text if len(text) <= chars else text[: chars - 3] + "..."
    return cut.replace("|", "\\|")


def manifests(night: Night, *tables: Table) -> dict[str, Manifest]:
    """Manifests of tonight's tables, by name."""
    return {table.name: night.store.manifest(table, night.as_of) for table in tables}
