"""Beam pipelines: the two flows that move batches to models. No Dagster here, no logic worth a test of its
own."""

import logging


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Beam warns through the root logger that Google's BigQuery client is missing; nothing here needs it."""
    return "apitools not found" not in record.getMessage()


logging.getLogger().addFilter(_is_worth_saying)
