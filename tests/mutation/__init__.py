"""Mutation tests: small faults in the product's code, each of which some test has to find."""
