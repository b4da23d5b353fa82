"""Requests, answers, errors and facts of the Meta Marketing API."""
