"""Resources of Google Ads: checks of a new or changed one, in the words of Google."""
