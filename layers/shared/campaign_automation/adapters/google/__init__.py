"""Requests, answers, errors and facts of Google Ads."""
