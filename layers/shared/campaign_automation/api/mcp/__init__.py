"""The MCP endpoint: each action as a tool, campaigns and reports as resources, over stateless HTTP.

It imports no model and no SDK: the tools are described in a file that `make docs` writes, and each call goes
to the function of its action. Facts of the protocol: modelcontextprotocol.io, revisions 2024-11-05 to
2026-07-28.
"""
