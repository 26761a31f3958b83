"""Load an export in RecTools: a Dataset with features, flat and dense, and a model fitted on it. Usage:
load_rectools.py FOLDER

Prints one JSON line. Needs rectools and pyarrow, nothing of Nightshift's.
"""

import json
import sys

import pandas
from rectools.dataset import Dataset
from rectools.models import ImplicitItemKNNWrapperModel, PopularModel


def read(name: str) -> pandas.DataFrame:
    return pandas.read_parquet(f"{sys.argv[1]}/{name}.parquet")


def main() -> None:
    from implicit.nearest_neighbours import TFIDFRecommender

    interactions = read("interactions")
    liked = interactions[interactions["weight"] > 0]
    flat = Dataset.construct(
        liked, item_features_df=read("item_features_flat"), cat_item_features=["attribute", "tag"],
        user_features_df=read("user_features_flat"), cat_user_features=["likes", "dislikes"],
    )  # fmt: skip
    dense = Dataset.construct(
        interactions, item_features_df=read("item_features_dense"), make_dense_item_features=True,
        user_features_df=read("user_features_dense"), make_dense_user_features=True,
    )  # fmt: skip
    users = flat.user_id_map.external_ids[:5]
    categories, told = sorted({name for name, _ in flat.item_features.names}), {}
    for model in (PopularModel(), ImplicitItemKNNWrapperModel(TFIDFRecommender(K=10))):
        model.fit(flat)
        told[type(model).__name__] = len(model.recommend(users, flat, k=5, filter_viewed=True))
    finite = bool(pandas.DataFrame(dense.item_features.get_dense()).notna().all().all())
    print(json.dumps({
        "liked": len(flat.interactions.df), "interactions": len(dense.interactions.df), "categories": categories,
        "dense": dense.item_features.get_dense().shape, "finite": finite, "recommended": told,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
