"""HTTP: events in, responses out; the OpenAPI document; the verification of tokens."""
