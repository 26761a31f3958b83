"""A sentence for every group of items that share an attribute."""
