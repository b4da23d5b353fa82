"""The module's own memory."""
