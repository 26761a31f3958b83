"""What a home holds: published tables, the ledger of answers, and how files are put so that nothing is
lost."""
