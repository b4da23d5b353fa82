"""Automation rules: their storage, checks, evaluation and execution."""
