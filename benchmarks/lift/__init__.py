"""What the features are worth on real data, one module a data set. docs/lift.md holds what they printed.

Those that need files take their folder as `--data` and say what is missing; nothing is copied from it.
Answers and vectors go through the ledger of `--home`, so that a second run asks and embeds nothing.
"""
