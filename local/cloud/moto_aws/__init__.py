"""moto as the cloud's AWS: the seams at which it is told our addresses, and what it does faster here."""
