"""The stores of what looks again by itself: the reconciler and the search for orphans."""
