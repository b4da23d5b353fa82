"""Creates, manages and optimises ad campaigns on Meta, TikTok and Google Ads."""
