"""Parts that every platform's adapter needs in the same form."""
