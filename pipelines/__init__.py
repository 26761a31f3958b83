"""Beam pipelines: the two flows that move batches to models. No Dagster here, no logic worth a test of its own."""
