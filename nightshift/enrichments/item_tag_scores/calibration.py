"""The model's taste for each tag, fitted once and frozen.

Centres fitted anew every night would move every item's scores whenever one item changes, and with them
prompts that show tags: users would be asked again for nothing. They are fitted on the first night that has
read at least half the catalogue, per prompt and model, from text alone, and kept in
`<home>/models/tag_centres/`. Delete the file to fit again.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nightshift.enrichments.item_tag_scores.prompt import NoValue
from nightshift.night.night import Night
from nightshift.prompts.base import Prompt
from nightshift.storage.content_key import canonical, content_key
from nightshift.storage.durable import rename, sync

LEAST_SHARE = 0.5
"""Share of the catalogue that must have been read before centres are frozen."""


def load_centres(night: Night) -> NDArray[np.float64] | None:
    """(tags,) frozen centres, or None before they were fitted."""
    path = _path(night)
    return np.array(json.loads(path.read_text("utf-8"))["centres"]) if path.exists() else None


def freeze_centres(night: Night, centres: NDArray[np.float64], read: int, items: int) -> None:
    """Keep the centres, unless some are kept already or too few items were read."""
    path = _path(night)
    if path.exists() or read < LEAST_SHARE * items:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{night.run_id}")
    about = {
        "prompt": _prompt(night).prompt_id,
        "model": night.identity.model_id,
        "night": str(night.as_of),
        "items": read,
    }
    partial.write_text(json.dumps(about | {"centres": centres.tolist()}, indent=1), "utf-8")
    sync(partial)
    rename(partial, path)


def _prompt(night: Night) -> Prompt[NoValue]:
    return night.prompts["item_tag_scores"]


def _path(night: Night) -> Path:
    key = content_key(_prompt(night).digest, canonical(night.identity))
    return night.settings.home_folder / "models" / "tag_centres" / f"{key}.json"
