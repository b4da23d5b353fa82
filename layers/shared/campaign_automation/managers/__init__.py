"""Use cases: what the actions do, step by step."""
