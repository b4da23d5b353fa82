"""A/B tests from their sizing to their end."""
