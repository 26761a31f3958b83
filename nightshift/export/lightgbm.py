"""LightGBM: training rows as text with lists, and the same as binary datasets, one file a split.

Text is what the LightGBM command line and every binding read: comma-separated, a header, the label first,
and beside each file a `.query` file with the length of each list in order
(https://lightgbm.readthedocs.io/en/latest/Parameters.html, "Query Data"). The binary datasets
(`Dataset.save_binary`) load faster and carry lists and names, but fix the bins.
"""

import json
from typing import Any

import polars as pl

from nightshift.export.base import Destination, Published, features_of
from nightshift.export.folder import Folder
from nightshift.tables import RANKING_EXAMPLES

SPLITS = ("train", "valid", "test")
BINS = 255
"""Bins a feature in the binary datasets: LightGBM's default."""


def _write(night: Published, folder: Folder) -> str:
    rows = night.scan(RANKING_EXAMPLES).filter(pl.col("retrieved").fill_null(True))
    features = features_of(rows)
    reference = None
    for split in SPLITS:
        part = in_lists(rows.filter(split=split)).collect()
        if not part.height:
            continue
        lists = (
            part.select(pl.struct("user_id", "group_id").rle_id().alias("list"))
            .group_by("list", maintain_order=True)
            .len()["len"]
        )
        folder.csv(f"{split}.csv", part.select("label", *features))
        folder.csv(f"{split}.csv.query", lists.to_frame(), header=False)
        folder.parquet(f"{split}.keys.parquet", part.select("user_id", "item_id", "timestamp", "group_id"))
        reference = _binary(folder, split, part, lists, features, reference)
    folder.text("features.json", json.dumps(features, indent=1) + "\n")
    return _LOADING


def in_lists(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows with those of one list together: by the list's first moment, user, list, item."""
    first = pl.col("timestamp").min().over("user_id", "group_id").alias("_first")
    return rows.with_columns(first).sort("_first", "user_id", "group_id", "item_id").drop("_first")


def _binary(
    folder: Folder, split: str, part: pl.DataFrame, lists: pl.Series, features: list[str], reference: Any
) -> Any:
    """Write `<split>.bin`, binned as the training rows are; returns the dataset that later splits refer
    to."""
    import lightgbm

    values = part.select(features).to_numpy()
    dataset = lightgbm.Dataset(
        values, part["label"].to_numpy(), group=lists.to_numpy(), feature_name=features, reference=reference,
        params={"max_bin": BINS, "verbosity": -1}, free_raw_data=True,
    )  # fmt: skip
    path = folder.path / f"{split}.bin"
    dataset.construct().save_binary(path)
    folder.made(path.name, part.height)
    return reference or dataset


_LOADING = """
```python
import lightgbm

train = lightgbm.Dataset("train.csv", params={"header": True, "label_column": "name:label"})   # reads train.csv.query as well
valid = lightgbm.Dataset("valid.csv", reference=train)
model = lightgbm.train({"objective": "lambdarank", "num_threads": 2}, train, 100, valid_sets=[valid])
scores = model.predict("test.csv", data_has_header=True)           # in the order of test.keys.parquet
```

`lightgbm.Dataset("train.bin")` is the same data binned with 255 bins: quicker to load, bins no longer adjustable. On the command line:
`lightgbm task=train data=train.csv valid_data=valid.csv header=true label_column=name:label objective=lambdarank`.

Columns that begin with `base__` know events and attributes, `text__` vectors of the source text, `llm__` what the language model
wrote. Missing is `NaN`. A list (`.query`) is a request, or one user at one moment; where the source has no lists, take
`objective=binary`. Splits are cut in time: train before valid before test. Candidates that no source had found (implicit feedback) are
left out of `test`.
"""

LIGHTGBM = Destination(
    "lightgbm",
    "Training rows with lists, one file a split, as text and as binary datasets.",
    (RANKING_EXAMPLES,),
    _write,
)
"""The destination `lightgbm`."""
