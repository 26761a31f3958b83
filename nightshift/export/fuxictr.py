"""FuxiCTR: pretrained vectors a view, training rows a split, and a dataset_config.yaml that names them.

FuxiCTR reads `pretrained_emb` from a Parquet file with the columns `key` and `value`
(fuxictr/preprocess/tokenizer.py, load_pretrain_emb, in 2.3): `value` must be a fixed-size list, or the
matrix arrives as a column of objects.
"""

from typing import Any

import polars as pl
import yaml

from nightshift.export.base import Destination, Published, features_of, vectors
from nightshift.export.folder import Folder
from nightshift.features.content_spec import SOURCE, ContentSpec
from nightshift.tables import ITEM_EMBEDDINGS, RANKING_EXAMPLES, USER_EMBEDDINGS

SPLITS = ("train", "valid", "test")
KEYS = ("user_id", "item_id")


def _write(night: Published, folder: Folder) -> str:
    found = {"item_id": _vectors(night.scan(ITEM_EMBEDDINGS), "item_id", folder)}
    users = night.newest(USER_EMBEDDINGS)
    found["user_id"] = _vectors(users, "user_id", folder) if users is not None else {}
    rows = night.newest(RANKING_EXAMPLES)
    if rows is None:
        return _LOADING + "\nThere are no training rows yet: run `nightshift train`, then export again.\n"
    rows = rows.filter(pl.col("retrieved").fill_null(True)).with_columns(
        pl.col(features_of(rows)).fill_nan(None)
    )
    for split in SPLITS:
        folder.parquet(
            f"{split}.parquet",
            rows.filter(split=split).select(*KEYS, "group_id", "label", *features_of(rows)),
        )
    folder.text(
        "dataset_config.yaml",
        yaml.safe_dump(_config(rows, found, _preferred(night.spec)), sort_keys=False, width=140),
    )
    return _LOADING


def _vectors(table: pl.LazyFrame, key: str, folder: Folder) -> dict[str, int]:
    """Write `<key>.<view>.parquet` for every view; returns view to dimensions."""
    sizes = {}
    for view, part in vectors(table, key).items():
        folder.parquet(f"{key}.{view}.parquet", part.select(key=key, value="vector"))
        sizes[view] = part["vector"].dtype.shape[0]  # type: ignore[attr-defined]  # a fixed-size list
    return sizes


def _preferred(spec: ContentSpec) -> tuple[str, ...]:
    """Which view dataset_config.yaml names, the first that there is; a feature takes one file of vectors."""
    return *spec.views_of("text"), SOURCE, *spec.views_of("scores"), *spec.views_of("state")


def _config(
    rows: pl.LazyFrame, found: dict[str, dict[str, int]], preferred: tuple[str, ...]
) -> dict[str, Any]:
    means = rows.filter(split="train").select(pl.col(features_of(rows)).mean()).collect().row(0, named=True)
    columns = [_key(key, found[key], preferred) for key in KEYS]
    columns += [
        {
            "name": name,
            "active": True,
            "dtype": "float",
            "type": "numeric",
            "fill_na": mean,
            "normalizer": "StandardScaler",
        }
        for name, mean in means.items()
        if mean is not None
    ]
    files = {f"{split}_data": f"./{split}.parquet" for split in SPLITS}
    common = {"data_root": "./", "data_format": "parquet", "min_categr_count": 1}
    return {
        "nightshift": common
        | files
        | {"feature_cols": columns, "label_col": {"name": "label", "dtype": "float"}}
    }


def _key(key: str, sizes: dict[str, int], preferred: tuple[str, ...]) -> dict[str, Any]:
    column: dict[str, Any] = {"name": key, "active": True, "dtype": "str", "type": "categorical"}
    view = next((view for view in preferred if view in sizes), None)
    if view is None:
        return column
    return column | {
        "pretrained_emb": f"./{key}.{view}.parquet", "pretrain_dim": sizes[view], "pretrain_usage": "init", "freeze_emb": True,
    }  # fmt: skip


_LOADING = """
Copy `dataset_config.yaml` beside your `model_config.yaml`, set `dataset_id: nightshift` there, and run FuxiCTR from this folder (its paths
are relative). A categorical feature takes one file of vectors:

```yaml
- {name: item_id, active: True, dtype: str, type: categorical,
   pretrained_emb: ./item_id.facts.parquet, pretrain_dim: 384, pretrain_usage: concat, freeze_emb: True}
```

`<key>.<view>.parquet` holds `key` (the id) and `value` (its vector): `raw` reads the source text, `facts` what the language model wrote,
`hidden` is the model's own state, `tags` its tag scores. Any of them may stand in place of the one in `dataset_config.yaml`. In the
training rows missing is null; `fill_na` holds the mean of the training rows. A column that is empty in all of them is not in
`dataset_config.yaml`.
"""

FUXICTR = Destination(
    "fuxictr",
    "Pretrained vectors a view (`key`, `value`), training rows a split, and a dataset_config.yaml.",
    (ITEM_EMBEDDINGS,),
    _write,
)
"""The destination `fuxictr`."""
