"""What every sandbox platform shares: clock, faults, call log, accounts."""
