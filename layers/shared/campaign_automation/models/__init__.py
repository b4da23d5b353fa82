"""The shapes that travel: requests, plans and answers, by subject."""
