"""Features of a night for tools that a team already runs, one file a destination (docs/exports.md).

Every export is a folder with a README that says what it is and how to load it. Vectors stay in tables of
their own; flat columns go to rankers; nothing here imports the tool it writes for, except LightGBM, which
makes its own datasets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from nightshift.enrichments.features import content_spec
from nightshift.enrichments.registry import Registry, built_in, tables_of
from nightshift.errors import ConfigError, nearest
from nightshift.export.base import Destination, Published, choose_night
from nightshift.export.duckdb import DUCKDB
from nightshift.export.feast import FEAST
from nightshift.export.folder import Folder, fresh_folder, write_card
from nightshift.export.fuxictr import FUXICTR
from nightshift.export.gorse import GORSE
from nightshift.export.lightgbm import LIGHTGBM
from nightshift.export.metarank import METARANK
from nightshift.export.rectools import RECTOOLS
from nightshift.storage.store import Store, digest_of

DESTINATIONS = {one.name: one for one in (DUCKDB, FEAST, FUXICTR, GORSE, LIGHTGBM, METARANK, RECTOOLS)}
"""Every destination by the name that `--to` takes."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    out: Path
    as_of: date
    """The night that was exported."""
    files: dict[str, int]
    """File to rows; 0 for files that are no table."""


def export(
    store: Store,
    to: str,
    out: Path,
    as_of: date | None = None,
    registry: Registry | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write the newest night at or before a day that has what the destination needs; `say` hears a line a
    file. `registry`: the enrichments of the home, where it has some of its own.

    Raises ConfigError for an unknown destination or an `out` that is not ours to replace, InputError when
    no night fits.
    """
    if to not in DESTINATIONS:
        near = nearest(to, DESTINATIONS)
        hint = f"did you mean {near}? " if near else ""
        raise ConfigError(f"--to {to} is unknown; {hint}destinations: {', '.join(DESTINATIONS)}")
    destination = DESTINATIONS[to]
    known, chosen = registry or built_in(), choose_night(store, destination.needs, as_of)
    night = Published(store, chosen, tables_of(known), content_spec(known))
    with fresh_folder(out, say) as folder:
        loading = destination.write(night, folder)
        folder.text("README.md", _readme(destination, night, folder, loading))
        write_card(folder, to, str(night.as_of), _digests(night))
    return Exported(out.resolve(), night.as_of, folder.files)


def _digests(night: Published) -> dict[str, str]:
    """Tables of the night with the digest of what they held."""
    published = [name for name, nights in night.store.published().items() if night.as_of in nights]
    return digest_of({name: night.store.manifest(name, night.as_of) for name in published})


def _readme(destination: Destination, night: Published, folder: Folder, loading: str) -> str:
    files = "\n".join(f"| `{name}` | {rows or ''} |" for name, rows in folder.files.items())
    return (
        f"# Nightshift for {destination.name}, night {night.as_of}\n\n"
        f"{destination.about} Features of this night know events strictly before {night.as_of} 00:00 UTC.\n\n"
        f"| file | rows |\n| --- | --- |\n{files}\n\n{loading.strip()}\n\n"
        f"Written by `nightshift export --to {destination.name}` from `{night.store.home}`. "
        "Exporting here again replaces the folder as a whole.\n"
    )


__all__ = ["DESTINATIONS", "Destination", "Exported", "export"]
