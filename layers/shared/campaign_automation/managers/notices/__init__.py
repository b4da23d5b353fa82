"""Notices of states that a person has to end, each told once when it begins."""
