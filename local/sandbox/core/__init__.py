"""Parts that the platforms of the sandbox share: clock, faults, calls, accounts, stores, delivery, limits."""
