"""The stack: the template resolved and deployed, and the rights of its roles."""
