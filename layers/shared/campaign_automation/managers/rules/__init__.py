"""Automation rules: stored, checked, evaluated and carried out."""
