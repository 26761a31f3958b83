"""`nightshift clean`: which nights go, and how many bytes that frees."""

from itertools import groupby

from jobs.console import console
from nightshift.enrichments.registry import carried
from nightshift.errors import ConfigError
from nightshift.night.config import Settings
from nightshift.storage.retention import removable, remove
from nightshift.storage.store import Store


def clean(settings: Settings, keep: int | None, dry_run: bool) -> None:
    """Remove, or only list, what lies beyond the newest nights. Raises ConfigError when nobody says how
    many are kept."""
    keep = keep if keep is not None else settings.nights.keep_nights
    if keep is None:
        raise ConfigError(
            "how many nights to keep is not set: give --keep N, or set nights.keep_nights in nightshift.yaml"
        )
    found = removable(Store(settings.home_folder), keep, carried(settings.registry))
    for night, tables in groupby(found, lambda one: one.as_of):
        listed = list(tables)
        names = ", ".join(one.table for one in listed)
        console.print(
            f"{night}  {sum(one.bytes for one in listed):>13,} bytes  {names}", markup=False, soft_wrap=True
        )
    freed = sum(one.bytes for one in found) if dry_run else remove(found)
    said = "would be removed" if dry_run else "removed"
    console.print(
        f"{len(found)} tables of {len({one.as_of for one in found})} nights, {freed:,} bytes {said}; "
        f"newest {keep} kept."
    )
