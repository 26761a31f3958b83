"""Prompts: one file each, settings + build + schema + parse + version."""
