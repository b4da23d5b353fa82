"""Pages to look at: HTML of parts that escape what they are given, without script or requests."""
