"""Which items are worth ranking for a user: sources of candidates, their union, and the lists that rankers
learn from."""
