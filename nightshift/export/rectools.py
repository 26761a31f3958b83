"""RecTools: interactions and item and user features in its column names (rectools/columns.py), for
`Dataset.construct`.

Features come in the two forms that it takes: flat (`id`, `feature`, `value`) for categories, and dense
(`id` and numbers).
"""

import polars as pl

from nightshift.export.base import Destination, Published, features_of
from nightshift.export.folder import Folder
from nightshift.tables import INTERACTIONS, ITEM_FACTS, ITEM_FEATURES, ITEMS, USER_FEATURES, USER_PREFERENCES


def _write(night: Published, folder: Folder) -> str:
    events = night.scan(INTERACTIONS).sort("timestamp", "user_id", "item_id")
    folder.parquet(
        "interactions.parquet",
        events.select("user_id", "item_id", weight=pl.col("label"), datetime=_naive("timestamp")),
    )
    items = [_flat(night.scan(ITEMS), "item_id", "attributes", "attribute")]
    facts, preferences = night.newest(ITEM_FACTS), night.newest(USER_PREFERENCES)
    if facts is not None:
        items.append(_flat(facts, "item_id", "tags", "tag"))
    folder.parquet("item_features_flat.parquet", pl.concat(items))
    if preferences is not None:
        users = [
            _flat(preferences, "user_id", "likes", "likes"),
            _flat(preferences, "user_id", "dislikes", "dislikes"),
        ]
        folder.parquet("user_features_flat.parquet", pl.concat(users))
    folder.parquet("item_features_dense.parquet", _dense(night.scan(ITEM_FEATURES), "item_id"))
    folder.parquet("user_features_dense.parquet", _dense(night.scan(USER_FEATURES), "user_id"))
    return _LOADING


def _naive(column: str) -> pl.Expr:
    """UTC without a zone: RecTools casts to numpy's datetime64, which has none."""
    return pl.col(column).dt.replace_time_zone(None)


def _flat(table: pl.LazyFrame, key: str, column: str, feature: str) -> pl.LazyFrame:
    """A list column as rows of id, feature, value."""
    rows = table.select(
        pl.col(key).alias("id"), pl.lit(feature).alias("feature"), pl.col(column).alias("value")
    )
    return rows.explode("value").drop_nulls("value")


def _dense(table: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """One row an id; missing is the column's mean (0 where all are missing), because the models that read
    it take no NaN."""
    filled = pl.col(features_of(table)).fill_nan(None)
    return table.select(pl.col(key).alias("id"), filled.fill_null(filled.mean()).fill_null(0.0))


_LOADING = """
```python
import pandas                      # RecTools 0.19 needs NumPy 1, and that pyarrow 25: pip install rectools==0.19.0 pyarrow==25.0.1
from rectools.dataset import Dataset

interactions = pandas.read_parquet("interactions.parquet")
dataset = Dataset.construct(
    interactions[interactions["weight"] > 0],                # 1 positive, 0 negative
    item_features_df=pandas.read_parquet("item_features_flat.parquet"),
    cat_item_features=["attribute", "tag"],                  # tags are what the language model chose
    user_features_df=pandas.read_parquet("user_features_flat.parquet"),
    cat_user_features=["likes", "dislikes"],
)
```

`weight` is the label; most of its models take every row as wanted, so leave the negative ones out. For dense features pass
`item_features_dense.parquet` with `make_dense_item_features=True` (users alike): there missing is the column's mean, and
`..._missing` columns tell where. Vectors are not in this export; `nightshift export --to fuxictr` has them as `key`, `value`.
"""

RECTOOLS = Destination(
    "rectools",
    "Interactions, and item and user features in flat and in dense form.",
    (ITEMS, INTERACTIONS, ITEM_FEATURES, USER_FEATURES),
    _write,
)
"""The destination `rectools`."""
