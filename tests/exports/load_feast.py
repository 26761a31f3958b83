"""Load an export in Feast: apply, a point-in-time join, the online store. Usage: load_feast.py FOLDER
EVENTS.parquet

EVENTS has user_id, item_id, event_timestamp. Writes FOLDER/joined.parquet and prints one JSON line. Needs
feast alone.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas
from feast import FeatureStore


def main() -> None:
    folder, events = sys.argv[1], pandas.read_parquet(sys.argv[2])
    subprocess.run(
        [Path(sys.executable).with_name("feast"), "-c", folder, "apply"], check=True, capture_output=True
    )
    store = FeatureStore(repo_path=folder)
    service = store.get_feature_service("ranking")
    joined = store.get_historical_features(events, features=service, full_feature_names=True).to_df()
    joined.to_parquet(f"{folder}/joined.parquet")
    end = datetime(2100, 1, 1, tzinfo=UTC)
    store.materialize(datetime(2000, 1, 1, tzinfo=UTC), end)
    item, user = events["item_id"].iloc[0], events["user_id"].iloc[0]
    online = store.get_online_features(
        ["item_features:base__events", "item_embeddings_facts:vector"], [{"item_id": item, "user_id": user}]
    ).to_dict()
    views = sorted(view.name for view in store.list_feature_views())
    print(json.dumps({"views": views, "rows": len(joined), "item": item, "online": online}))


if __name__ == "__main__":
    main()
