"""Reads of campaigns: by name, as a tree, and what answers of creations told already."""
