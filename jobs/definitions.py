"""What Dagster loads. The only module that reads the environment: NIGHTSHIFT_CONFIG and NIGHTSHIFT_HOME."""

import os
from pathlib import Path

from jobs.graph import build
from nightshift.night.config import CONFIG_NAME, refuse_empty
from nightshift.streams import forgive

forgive()

refuse_empty(os.environ)
_home = os.environ.get("NIGHTSHIFT_HOME")
defs = build(Path(os.environ.get("NIGHTSHIFT_CONFIG", CONFIG_NAME)), Path(_home) if _home else None)
