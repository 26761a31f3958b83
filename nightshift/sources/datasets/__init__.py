"""Worlds to run on: MovieLens for the demo and the evidence, a synthetic one with a known answer for the
tests, published ones."""
