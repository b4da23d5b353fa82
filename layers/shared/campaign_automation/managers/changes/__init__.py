"""Changes of existing campaigns: one gate, its guards, and the audit trail."""
