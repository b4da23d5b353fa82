"""Clients of the Web Platform and of Gemini."""
