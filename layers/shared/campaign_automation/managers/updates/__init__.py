"""Changes of a campaign's budgets, targets and settings that a person asks for."""
