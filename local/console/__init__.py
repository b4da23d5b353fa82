"""The console of the local cloud: one page with forms, on platforms, market, clock, calls and metrics.

It is served at /_local/console of the API's port, to this machine alone.
"""
