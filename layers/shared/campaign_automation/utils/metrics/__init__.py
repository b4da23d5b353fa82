"""The metrics that a scrape shows, beside the EMF ones of utils/observability.py."""
