"""Answers of the Graph API: nodes with their fields, listings, statuses, insights."""
