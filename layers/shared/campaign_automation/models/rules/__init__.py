"""The shapes of automation rules: what a rule says, how it is stored, what its runs answer."""
