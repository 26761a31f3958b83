"""Dagster assets: one asset, one table. Thin: read, call the library, check, publish, show."""
