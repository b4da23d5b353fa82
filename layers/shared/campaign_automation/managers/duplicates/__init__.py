"""Copies of campaigns, on the same or another platform or account."""
