"""Ads: made with their campaign, or added to it later."""
