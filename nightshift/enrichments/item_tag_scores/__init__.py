"""How well every tag of the closed vocabulary fits every item, by likelihood."""
