"""Lambda: processes that serve the Runtime API to the handlers."""
