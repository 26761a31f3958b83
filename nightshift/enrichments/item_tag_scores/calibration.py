"""The model's taste for each tag, fitted once and frozen.

Centres fitted anew every night would move every item's scores whenever one item changes, and with them
prompts that show tags: users would be asked again for nothing. They are fitted on the first night that has
read at least half the catalogue, per prompt and model, from text alone, and kept in
`<home>/models/tag_centres/`. Delete the file to fit again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightshift.enrichments.base import Context
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.durable import rename, sync

LEAST_SHARE = 0.5
"""Share of the catalogue that must have been read before centres are frozen."""


def load_centres(context: Context[Any]) -> NDArray[np.float64] | None:
    """(tags,) frozen centres, or None before they were fitted."""
    path = _path(context)
    return np.array(json.loads(path.read_text("utf-8"))["centres"]) if path.exists() else None


def freeze_centres(context: Context[Any], centres: NDArray[np.float64], read: int, items: int) -> None:
    """Keep the centres, unless some are kept already or too few items were read."""
    path = _path(context)
    if path.exists() or read < LEAST_SHARE * items:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{context.shared.run_id}")
    about = {
        "prompt": context.prompt.prompt_id,
        "model": context.shared.identity.model_id,
        "night": str(context.shared.as_of),
        "items": read,
    }
    partial.write_text(json.dumps(about | {"centres": centres.tolist()}, indent=1), "utf-8")
    sync(partial)
    rename(partial, path)


def _path(context: Context[Any]) -> Path:
    key = content_key(context.prompt.digest, canonical(context.shared.identity))
    return context.shared.home / "models" / "tag_centres" / f"{key}.json"
