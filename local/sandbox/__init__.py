"""Stateful stand-ins for the ad platforms, Gemini and the Web Platform."""
