"""DuckDB: one SQL file with a view for every table of a night, and events joined to the features of their
moment.

The views read the home's Parquet where it lies; nothing is copied. `ASOF JOIN` takes, for each event, the
newest night at or before it (https://duckdb.org/docs/stable/sql/query_syntax/from, "As-of joins").
"""

import glob
from pathlib import Path

from nightshift.export.base import Destination, Published, features_of
from nightshift.export.folder import Folder
from nightshift.tables import INTERACTIONS, ITEM_FEATURES, ITEMS, USER_FEATURES, Table

FILE = "nightshift.sql"
KNOWN_FROM = "known_from"
"""Moment from which on a night's row may be used: 00:00 UTC of the night."""


def _write(night: Published, folder: Folder) -> str:
    views = [_view(night, table) for table in night.tables.values() if night.nights(table)]
    views += [_nights(night, table) for table in (ITEM_FEATURES, USER_FEATURES)]
    folder.text(FILE, "\n".join([_head(night), *views, _joined(night)]))
    return _LOADING


def _head(night: Published) -> str:
    return (
        f"-- Nightshift, night {night.as_of}: features know events strictly before {night.as_of} 00:00 UTC.\n"
    )


def _view(night: Published, table: Table) -> str:
    """A table's newest night at or before this one."""
    newest = night.nights(table)[-1]
    files = _quoted(str(_literal(night.store.folder(table, newest)) / "part-*.parquet"))
    about = f"-- {table.about}" + ("" if newest == night.as_of else f" Night {newest}.")
    return (
        f"{about}\nCREATE OR REPLACE VIEW {table.name} AS\nSELECT * FROM read_parquet({files}, "
        f"hive_partitioning = false);\n"
    )


def _nights(night: Published, table: Table) -> str:
    """Every night of a feature table up to this one, with the moment from which on each row may be used."""
    files = _quoted(str(_literal(night.store.root / table.name) / "as_of=*" / "part-*.parquet"))
    return (
        f"-- {table.name} of every night up to this one.\nCREATE OR REPLACE VIEW {table.name}_nights AS\n"
        f"SELECT * EXCLUDE (as_of), CAST(as_of AS DATE) AS as_of, to_timestamp(epoch(CAST(as_of AS "
        f"DATE))) AS {KNOWN_FROM}\n"
        f"FROM read_parquet({files}, hive_partitioning = true, union_by_name = true)\n"
        f"WHERE CAST(as_of AS DATE) <= DATE '{night.as_of}';\n"
    )


def _joined(night: Published) -> str:
    owners = {"item": ITEM_FEATURES, "user": USER_FEATURES}
    columns = [f"of_{owner}.as_of AS {owner}_as_of" for owner in owners]
    columns += [
        f'of_{owner}."{name}" AS "{owner}_{name}"' for owner, table in owners.items() for name in features_of(night.scan(table))
    ]  # fmt: skip
    joins = [
        f"ASOF LEFT JOIN {table.name}_nights AS of_{owner}\n"
        f"  ON event.{owner}_id = of_{owner}.{owner}_id AND event.timestamp >= of_{owner}.{KNOWN_FROM}"
        for owner, table in owners.items()
    ]
    listed = ",\n  ".join(["event.*", *columns])
    return (
        "-- Events with the features that were known at their moment: of the newest night at or "
        "before it; NULL before the first.\n"
        f"CREATE OR REPLACE VIEW interactions_with_features AS\nSELECT\n  {listed}\nFROM interactions "
        f"AS event\n" + "\n".join(joins) + ";\n"
    )


def _literal(folder: Path) -> Path:
    """A folder as the pattern that only it matches: brackets in its name are letters."""
    return Path(glob.escape(str(folder.resolve())))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_LOADING = """
```sh
duckdb features.db -c ".read nightshift.sql" -c "SELECT item_id, summary, tags FROM item_facts LIMIT 5"
```

`<table>` is a table of the night; `item_features_nights` and `user_features_nights` hold every night up to it;
`interactions_with_features` is every event with the item's and the user's features as they were known at its moment. Missing is NaN where a
night had no value and NULL where no night was there yet. To join candidates of your own, replace `interactions`:

```sql
SELECT mine.*, known.base__rate
FROM mine ASOF LEFT JOIN item_features_nights AS known ON mine.item_id = known.item_id AND mine.at >= known.known_from;
```

The views read the Parquet of the home in place, under the absolute path in `nightshift.sql`.
"""

DUCKDB = Destination(
    "duckdb",
    "A SQL file with a view for every table, and events joined to the features of their moment.",
    (ITEMS, INTERACTIONS, ITEM_FEATURES, USER_FEATURES),
    _write,
)
"""The destination `duckdb`."""
