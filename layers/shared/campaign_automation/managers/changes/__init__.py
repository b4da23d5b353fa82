"""Changes of what exists: one gate, its guards, and the audit trail."""
