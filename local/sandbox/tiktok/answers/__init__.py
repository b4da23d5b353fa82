"""Answers of the Business API: objects, listings, statuses, reports."""
