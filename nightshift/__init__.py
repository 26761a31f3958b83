"""Nightshift: language models enrich a recommender's features at night, so that none is on duty when a
user waits."""

__version__ = "0.1.0"
