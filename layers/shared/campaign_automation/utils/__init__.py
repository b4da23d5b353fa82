"""Shared tools: errors, money, retries, cache, logs and metrics."""
