"""Objects of the Business API: checks of a new or changed one, in the words of TikTok."""
