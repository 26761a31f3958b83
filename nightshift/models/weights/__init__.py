"""Bundled weights: where they come from, their sha256, how they are prepared, counted in tokens and
computed in."""
