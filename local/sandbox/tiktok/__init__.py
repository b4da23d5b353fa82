"""TikTok's Business API v1.3 in small: what an advertiser's automation asks of it."""
