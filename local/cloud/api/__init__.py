"""API Gateway: routes, authorizers, requests and responses."""
