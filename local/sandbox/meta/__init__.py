"""Meta's Graph API as the ads SDK sees it."""
