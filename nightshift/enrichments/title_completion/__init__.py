"""Enrichment `title_completion`: whether the language model can recite the catalogue."""
