"""Creating a campaign, and reading it as it is."""
