"""Whole ad accounts: what is on the platforms, what of it is ours, and how the parts of the module are."""
