"""Pages to look at: HTML made of parts that escape what they are given, without script and without requests."""
