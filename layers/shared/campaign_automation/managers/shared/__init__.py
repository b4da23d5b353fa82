"""The parts that several subjects use."""
