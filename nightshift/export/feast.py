"""Feast: a feature repository with every night, so that point-in-time joins and the online store work from
it.

feature_store.yaml is a local one (file offline store, SQLite online store); definitions.py declares two
entities and a view a table. A night's rows carry its 00:00 UTC as event time, from which on they may be
used.
"""

from datetime import UTC, datetime

import polars as pl
import yaml

from nightshift.errors import VectorMismatch
from nightshift.export.base import Destination, Published, features_of, midnight, without_placebo
from nightshift.export.folder import Folder
from nightshift.tables import ITEM_EMBEDDINGS, ITEM_FEATURES, MOMENT, USER_EMBEDDINGS, USER_FEATURES, Table

EVENT = "event_timestamp"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
STORE = {
    "project": "nightshift",
    "provider": "local",
    "registry": "data/registry.db",
    "online_store": {"type": "sqlite", "path": "data/online_store.db"},
    "offline_store": {"type": "file"},
    "entity_key_serialization_version": 3,
}
OWNERS = {"item": (ITEM_FEATURES, ITEM_EMBEDDINGS), "user": (USER_FEATURES, USER_EMBEDDINGS)}


def _write(night: Published, folder: Folder) -> str:
    flat: dict[str, list[str]] = {}
    views: dict[str, list[str]] = {}
    for owner, (features, embeddings) in OWNERS.items():
        frame = _every_night(night, features)
        flat[owner] = features_of(frame)
        folder.parquet(f"data/{features.name}.parquet", _since_ever(frame, f"{owner}_id"))
        views[owner] = _vectors(night, embeddings, f"{owner}_id", folder)
    folder.text("feature_store.yaml", yaml.safe_dump(STORE, sort_keys=False))
    folder.text("definitions.py", _definitions(flat, views))
    return _LOADING


def _every_night(night: Published, table: Table) -> pl.LazyFrame:
    """All nights of a table with their event time, oldest first."""
    parts = [
        without_placebo(night.store.scan(table, day)).with_columns(pl.lit(midnight(day), MOMENT).alias(EVENT))
        for day in night.nights(table)
    ]
    return pl.concat(parts, how="diagonal")


def _since_ever(frame: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """The nights, and before them a row without features for every key.

    Feast's file store (0.67) drops an event whose features all begin after it, where it should return nulls.
    """
    nothing = frame.select(pl.col(key).unique().sort()).with_columns(pl.lit(BEGINNING, MOMENT).alias(EVENT))
    return pl.concat([frame, nothing], how="diagonal")


def _vectors(night: Published, table: Table, key: str, folder: Folder) -> list[str]:
    """Write a file for each view that this night has; nights whose encoder was another one are left out."""
    if not night.nights(table):
        return []
    frame = _every_night(night, table)
    newest = (
        night.store.scan(table, night.nights(table)[-1])
        .select("view", "encoder_id")
        .unique()
        .sort("view")
        .collect()
    )
    if newest["view"].is_duplicated().any():
        raise VectorMismatch(
            f"{table.name} of {night.as_of} mixes encoders in a view: {newest.rows()}; run the night "
            f"again to its end"
        )
    for view, encoder in newest.iter_rows():
        rows = frame.filter(view=view, encoder_id=encoder).select(key, "vector", "encoder_id", EVENT)
        folder.parquet(f"data/{table.name}_{view}.parquet", _since_ever(rows, key))
    return newest["view"].to_list()


def _definitions(flat: dict[str, list[str]], views: dict[str, list[str]]) -> str:
    parts = [_HEAD]
    for owner, names in flat.items():
        listed = "".join(f'    "{name}",\n' for name in names)
        parts.append(f"{owner.upper()}_COLUMNS = [\n{listed}]\n")
        parts.append(
            f'{owner}_features = view("{owner}_features", {owner}, [Field(name=name, dtype=Float32) '
            f"for name in {owner.upper()}_COLUMNS])"
        )
        for one in views[owner]:
            parts.append(f'{owner}_embeddings_{one} = view("{owner}_embeddings_{one}", {owner}, VECTOR)')
    parts.append('\nranking = FeatureService(name="ranking", features=[item_features, user_features])\n')
    return "\n".join(parts)


_HEAD = '''"""Feature views of Nightshift's nights. `feast apply` in this folder registers them."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Float32, String

item = Entity(name="item", join_keys=["item_id"], value_type=ValueType.STRING)
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
VECTOR = [Field(name="vector", dtype=Array(Float32)), Field(name="encoder_id", dtype=String)]


def view(name, owner, fields):
    """A night's row serves from its 00:00 UTC until the next night's: no time to live."""
    source = FileSource(name=name + "_source", path=f"data/{name}.parquet", timestamp_field="event_timestamp")
    return FeatureView(name=name, entities=[owner], ttl=timedelta(0), schema=fields, source=source)

'''

_LOADING = """
```sh
pip install feast
feast apply                                                        # in this folder: registers the views
feast materialize 2000-01-01T00:00:00 $(date -u +%Y-%m-%dT%H:%M:%S)    # newest night into the online store
```

```python
import pandas
from feast import FeatureStore

store = FeatureStore(repo_path=".")
events = pandas.DataFrame({"user_id": ["7"], "item_id": ["50"], "event_timestamp": pandas.to_datetime(["2024-01-20T12:00:00Z"])})
rows = store.get_historical_features(events, features=store.get_feature_service("ranking"), full_feature_names=True).to_df()
```

Every night is in the files: a historical join takes the newest night at or before each row's `event_timestamp`, so no row sees a later
one. Rows of 1970 without features stand before the first night: an event before it gets nulls, where Feast's file store would drop it.
The registry and the online store lie in `data/`: exporting here again removes them, so apply and materialize again, or keep a
`feature_store.yaml` of your own elsewhere that names your stores. `item_features` and `user_features` share column names: ask with
`full_feature_names=True`. Vectors are in views of their own (`item_embeddings_facts`, ...), with the encoder that made them; nights of
another encoder are not in the file.
"""

FEAST = Destination(
    "feast",
    "A feature repository: feature_store.yaml, definitions, and every night with its event time.",
    (ITEM_FEATURES, USER_FEATURES),
    _write,
)
"""The destination `feast`."""
