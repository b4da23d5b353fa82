"""Parts that several subjects use."""
