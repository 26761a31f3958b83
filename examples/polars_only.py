"""A ranker of your own on a night's features: polars and LightGBM, nothing of Nightshift's imported.

    python examples/polars_only.py .nightshift

Reads `item_features` and `user_features` of the newest night through their manifests (a manifest lists the
files of a whole night), joins them to pairs, then trains LightGBM on `ranking_examples` and prints the AUC
of its test rows with and without the columns that came from a language model.
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl


def newest(home: Path, table: str) -> pl.LazyFrame:
    """The newest night of a table, from exactly the files its manifest lists."""
    manifest = max((home / "tables" / table).glob("as_of=*/_manifest.json"))
    files = [manifest.parent / file["name"] for file in json.loads(manifest.read_text())["files"]]
    return pl.scan_parquet(files)


def pairs(home: Path, users: list[str], items: list[str]) -> pl.DataFrame:
    """Every user with every item, beside what the night knows of each."""
    crossed = pl.LazyFrame({"user_id": users}).join(pl.LazyFrame({"item_id": items}), how="cross")
    joined = crossed.join(newest(home, "user_features"), on="user_id", how="left")
    return joined.join(newest(home, "item_features"), on="item_id", how="left", suffix="_of_item").collect()


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Share of positive and negative pairs in the right order (Mann-Whitney, ties half)."""
    rank = pl.Series(score).rank("average").to_numpy()
    positives = label.sum()
    return float(
        (rank[label > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(label) - positives))
    )


def judged(examples: pl.DataFrame, families: tuple[str, ...]) -> float:
    """AUC on the test rows of a LightGBM that reads the columns of some families."""
    names = [name for name in examples.columns if name.split("__")[0] in families]
    parts = {split: examples.filter(pl.col("split") == split) for split in ("train", "test")}
    matrix = {split: part.select(names).to_numpy() for split, part in parts.items()}
    label = {split: part["label"].to_numpy() for split, part in parts.items()}
    settings = {
        "objective": "binary",
        "num_leaves": 15,
        "learning_rate": 0.05,
        "num_threads": 2,
        "verbosity": -1,
        "seed": 0,
    }
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix["train"], label["train"]), 100)
    return auc(label["test"], np.asarray(booster.predict(matrix["test"])))


def main() -> None:
    home = Path(sys.argv[1] if len(sys.argv) > 1 else ".nightshift")
    users = newest(home, "user_features").select("user_id").head(3).collect()["user_id"].to_list()
    items = newest(home, "item_features").select("item_id").head(4).collect()["item_id"].to_list()
    print(pairs(home, users, items).select("user_id", "item_id", "base__rate", "base__rate_of_item"))
    examples = newest(home, "ranking_examples").collect()
    for families in (("base",), ("base", "llm")):
        print(f"AUC with {' and '.join(families)} columns: {judged(examples, families):.4f}")


if __name__ == "__main__":
    main()
