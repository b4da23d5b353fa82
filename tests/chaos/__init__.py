"""The fault matrix: every action under every fault that a platform can have, and what is left after it."""
