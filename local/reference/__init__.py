"""The API's reference as pages: docs/api.md, and one HTML page that needs nothing else."""
