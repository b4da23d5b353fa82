"""The demonstration: one campaign a platform, and chapters on what is done with them."""
