"""Applied decisions: what was expected of them, and what became of them."""
