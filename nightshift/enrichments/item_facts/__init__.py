"""A summary and tags for every item."""
