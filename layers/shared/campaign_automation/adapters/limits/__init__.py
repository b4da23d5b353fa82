"""Limits of the calls to platforms, shared by all processes: budgets, pauses asked for, breakers."""
