"""Hostile input: requests of the OpenAPI document and beside it, and payloads of the state machine."""
