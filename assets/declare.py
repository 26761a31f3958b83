"""What every asset shares: how it is declared from its table, and how its night is checked, published and
shown."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
from dagster import CodeReferencesMetadataValue, LocalFileCodeReference

from assets.backfills import over_nights
from assets.columns import column_lineage, column_schema
from assets.failures import plainly
from assets.heartbeats import told
from assets.pictures import by_origin, of_nights
from assets.samples import SAMPLE_ROWS, markdown
from nightshift import __version__
from nightshift.enrichments.registry import Registry, asked
from nightshift.errors import NightFailed
from nightshift.night.checks import Checked, schema, unique_key
from nightshift.night.night import Night
from nightshift.storage.store import MANIFEST, Manifest, digest_of
from nightshift.tables import ITEM_EMBEDDINGS, SCHEMA_VERSION, USER_EMBEDDINGS, Table

CODE_VERSION = f"{__version__}+schema{SCHEMA_VERSION}"
EMBEDDING_TABLES = (ITEM_EMBEDDINGS.name, USER_EMBEDDINGS.name)
Events = Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]
Body = Callable[..., Events]


Deps = Sequence[Table | Callable[[Registry], Sequence[Table]]]
"""Tables that come before another one; a function names those that depend on which enrichments there are."""


@dataclass(frozen=True)
class TableAsset:
    """The asset of a table, as it is declared; `on` makes it for the enrichments of one nightshift.yaml."""

    table: Table
    body: Body
    group: str
    kinds: frozenset[str]
    deps: Deps
    checks: Mapping[str, str]
    pool: str | None
    about: str
    code: Callable[..., Any]
    """The function whose file and line the UI offers to open."""

    more_checks: Callable[[Registry], Mapping[str, str]] = lambda registry: {}
    """Checks that depend on which enrichments there are."""

    def before(self, registry: Registry) -> list[Table]:
        """Tables that come before it."""
        found = [[dep] if isinstance(dep, Table) else dep(registry) for dep in self.deps]
        return [table for tables in found for table in tables]

    def on(self, registry: Registry) -> dg.AssetsDefinition:
        """Dagster's asset."""
        table = self.table
        checks = {**_of_every(table), **self.checks, **self.more_checks(registry)}
        return dg.asset(
            name=table.name,
            group_name=self.group,
            kinds=self.kinds | {"parquet"},
            deps=[dg.AssetDep(dep.name) for dep in self.before(registry)],
            description=f"{table.about}\n\n{self.about}".strip(),
            code_version=CODE_VERSION,
            pool=self.pool,
            metadata=_about(table, self.code, registry),
            tags=_tags(table, registry),
            check_specs=[_spec(table, name, says) for name, says in checks.items()],
        )(plainly(over_nights(table.name, told(table, self.body))))


def table_asset(
    table: Table,
    *,
    group: str,
    kinds: set[str],
    deps: Deps = (),
    checks: Mapping[str, str] | None = None,
    pool: str | None = None,
    more_checks: Callable[[Registry], Mapping[str, str]] = lambda registry: {},
) -> Callable[[Body], TableAsset]:
    """Declare the asset of a table. `checks` maps a check's name to what it says; names that begin with
    `warn:` only warn."""

    def declare(body: Body) -> TableAsset:
        about = inspect.getdoc(body) or ""  # Markdown: an indented line would be code
        made = frozenset(kinds), tuple(deps), checks or {}
        return TableAsset(table, body, group, *made, pool, about, body, more_checks)

    return declare


SCHEMA_SAYS = "Columns, types and required values are those of the table."
KEY_SAYS = "No two rows have the same {}."


def _of_every(table: Table) -> dict[str, str]:
    """The checks that `publish` makes of every table."""
    return {"schema": SCHEMA_SAYS} | (
        {"unique_key": KEY_SAYS.format(", ".join(table.key))} if table.key else {}
    )


def _spec(table: Table, name: str, says: str) -> dg.AssetCheckSpec:
    blocking = not name.startswith("warn:")
    return dg.AssetCheckSpec(
        name.removeprefix("warn:"), asset=table.name, description=says, blocking=blocking
    )


def _about(table: Table, code: Callable[..., Any], registry: Registry) -> dict[str, Any]:
    """What is known before any night: columns, where the table is documented, and where its code is."""
    docs = dg.MetadataValue.path(f"docs/reference/tables.md#{table.name}")
    return {
        "dagster/column_schema": column_schema(table, registry),
        "docs": docs,
        "dagster/code_references": _code(code),
    }


def _code(body: Callable[..., Any]) -> CodeReferencesMetadataValue:
    """File and line of the body, which the UI offers to open."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", dg.BetaWarning
        )  # Dagster 1.13 calls both classes beta; every start would say so
        place = LocalFileCodeReference(
            file_path=body.__code__.co_filename, line_number=body.__code__.co_firstlineno
        )
        return CodeReferencesMetadataValue(code_references=[place])


def _tags(table: Table, registry: Registry) -> dict[str, str]:
    """`model`: which model a table pays for, to select by (`tag:model=llm`)."""
    if table.name in asked(registry):
        return {"model": "llm"}
    return {"model": "encoder"} if table.name in EMBEDDING_TABLES else {}


def publish(
    night: Night,
    table: Table,
    frame: pl.DataFrame,
    checks: Sequence[Checked] = (),
    *,
    inputs: Mapping[str, Manifest] | None = None,
    known: Mapping[str, Manifest] | None = None,
    rejects: pl.DataFrame | None = None,
    fallbacks: Mapping[str, int] | None = None,
    numbers: Mapping[str, Any] | None = None,
    show: Mapping[str, Any] | None = None,
    draw: Callable[[], Mapping[str, Any]] | None = None,
    sample: pl.DataFrame | None = None,
) -> Events:
    """Check, publish, show. Nothing is published when a blocking check fails: the night fails with the
    check's message.

    `draw` makes pictures, once the night is published. `known` are inputs of earlier nights.
    """
    done = [schema(table, frame), *([unique_key(table, frame)] if table.key else []), *checks]
    failed = [check for check in done if check.blocking and not check.passed]
    if failed:
        yield from (_result(table, check, frame.height) for check in done)
        raise NightFailed(
            f"{table.name} of {night.as_of} was not published. {failed[0].name}: {failed[0].message}"
        )
    manifest = night.store.publish(
        table,
        night.as_of,
        frame,
        inputs=digest_of(inputs or {}) | digest_of(known or {}),
        fallbacks=fallbacks,
        metadata=dict(numbers or {}),
        rejects=rejects,
    )
    yield dg.MaterializeResult(
        metadata=_shown(
            night,
            table,
            manifest,
            frame,
            sample,
            dict(numbers or {}),
            dict(show or {}) | dict(draw() if draw else {}),
        ),
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
        metadata={"rows": rows}
        | {name: value for name, value in check.numbers.items() if isinstance(value, int | float)},
    )


def _shown(
    night: Night,
    table: Table,
    manifest: Manifest,
    frame: pl.DataFrame,
    sample: pl.DataFrame | None,
    numbers: dict[str, Any],
    show: dict[str, Any],
) -> dict[str, Any]:
    """What the asset page says of a night, in this order: rows, words and pictures, sample, numbers, rows
    by origin, files."""
    seen, rejected = (frame if sample is None else sample).head(SAMPLE_ROWS), manifest.rejects
    shown: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "rows": manifest.rows,
        **show,
        **of_nights(night, table),
    }
    shown["sample"] = dg.MetadataValue.md(markdown(seen))
    if table.open:
        shown["dagster/column_schema"] = column_schema(
            table, night.registry, [name for name in frame.columns if name not in table.columns]
        )
    shown |= {name: value for name, value in numbers.items() if isinstance(value, int | float | str)}
    shown |= {"rejects": rejected.rows} if rejected else {}
    shown |= {
        f"origin: {origin}": count for origin, count in manifest.fallbacks.items() if origin not in numbers
    }
    return shown | by_origin(night, table, manifest) | _files(night, table, frame.columns)


def _files(night: Night, table: Table, columns: Sequence[str]) -> dict[str, Any]:
    """Where the night's files are, and from which columns theirs come."""
    folder = night.store.folder(table, night.as_of)
    paths = {
        "folder": dg.MetadataValue.path(str(folder)),
        "manifest": dg.MetadataValue.path(str(folder / MANIFEST)),
    }
    lineage = column_lineage(table, columns, night.registry)
    return paths | ({"dagster/column_lineage": lineage} if lineage.deps_by_column else {})


def manifests(night: Night, *tables: Table) -> dict[str, Manifest]:
    """Manifests of tonight's tables, by name."""
    return {table.name: night.store.manifest(table, night.as_of) for table in tables}
