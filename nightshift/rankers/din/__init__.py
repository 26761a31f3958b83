"""Deep Interest Network: a ranker that attends to the history itself. Only training knows torch."""
