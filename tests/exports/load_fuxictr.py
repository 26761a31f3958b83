"""Load an export in FuxiCTR: its own feature processor, embedding layer and one training step. Usage:
load_fuxictr.py FOLDER

Prints one JSON line. Needs fuxictr and torch, nothing of Nightshift's.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from fuxictr.features import FeatureMap
from fuxictr.preprocess import FeatureProcessor
from fuxictr.pytorch.layers import FeatureEmbedding


def main() -> None:
    os.chdir(sys.argv[1])
    config = yaml.safe_load(Path("dataset_config.yaml").read_text())["nightshift"]
    processor = FeatureProcessor(
        feature_cols=config["feature_cols"],
        label_col=config["label_col"],
        dataset_id="processed",
        data_root=config["data_root"],
    )
    train = processor.preprocess(processor.read_data(config["train_data"], data_format="parquet"))
    processor.fit(train, min_categr_count=config["min_categr_count"])
    numeric = [column["name"] for column in config["feature_cols"] if column["type"] == "numeric"]
    seen = processor.transform({column.name: column.to_numpy() for column in train.collect()})
    features = FeatureMap("processed", processor.data_dir)
    features.load(processor.json_file, {})
    layer = FeatureEmbedding(features, embedding_dim=8)
    batch = {name: torch.tensor(np.asarray(seen[name])) for name in (*numeric, "item_id", "user_id")}
    batch = {name: column.float() if name in numeric else column.long() for name, column in batch.items()}
    vectors = layer(batch)
    head = torch.nn.Linear(vectors.flatten(1).shape[1], 1)
    label = torch.tensor(np.asarray(seen["label"])).float()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(head(vectors.flatten(1)).squeeze(1), label)
    loss.backward()
    print(
        json.dumps(
            {
                "rows": len(label),
                "fields": vectors.shape[1],
                "loss": loss.item(),
                "worst": worst(config, processor, layer),
            }
        )
    )


def worst(config, processor, layer) -> dict[str, float]:
    """Largest difference between a vector in the file and the layer's row for its id."""
    vocabulary = json.loads(Path(processor.vocab_file).read_text())
    found = {}
    for column in config["feature_cols"]:
        if "pretrained_emb" in column:
            table = pl.read_parquet(column["pretrained_emb"])
            rows = [vocabulary[column["name"]][key] for key in table["key"]]
            weight = (
                layer.embedding_layer.embedding_layers[column["name"]]
                .pretrain_embedding.weight.detach()
                .numpy()
            )
            found[column["name"]] = float(np.abs(weight[rows] - table["value"].to_numpy()).max())
    return found


if __name__ == "__main__":
    main()
