"""The creation of a campaign, and its status on the platform."""
