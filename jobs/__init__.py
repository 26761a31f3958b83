"""Occasions: jobs, schedules, the command line, and `definitions`, the only reader of the environment."""
