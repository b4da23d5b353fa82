"""The stores of the module: one table, its engine, and one store per subject."""
