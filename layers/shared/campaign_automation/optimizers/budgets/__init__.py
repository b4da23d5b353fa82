"""Budget decisions: written rules, guard, response curves and allocation."""
