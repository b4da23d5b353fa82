"""Deciding on budgets and carrying the decisions out."""
