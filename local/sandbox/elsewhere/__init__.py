"""Campaigns made elsewhere, as buyers have them: a plan, and a builder for each platform."""
