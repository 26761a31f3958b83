"""Enrichments that a YAML file declares: a prompt, its answers, what a ranker reads of them. A file holds no
code."""

from nightshift.enrichments.declared.file import KEYS, load

__all__ = ["KEYS", "load"]
