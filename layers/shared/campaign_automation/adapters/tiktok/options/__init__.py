"""The optional settings of a creation on TikTok: what it takes, how it is asked, how it is read back."""
