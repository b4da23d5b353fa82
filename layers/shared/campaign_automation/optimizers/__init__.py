"""Numbers in, decisions out: no I/O, no clock."""
