"""The Web Platform: one store, one set of tools, two MCP dialects."""
