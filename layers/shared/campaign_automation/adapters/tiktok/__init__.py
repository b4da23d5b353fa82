"""Requests, answers, errors and facts of the TikTok Business API."""
