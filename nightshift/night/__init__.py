"""One night: its configuration, plan, budget, order of asking, checks and progress."""
