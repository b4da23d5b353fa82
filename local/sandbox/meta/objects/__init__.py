"""Objects of the Graph API: checks of a new or changed one, in the words of Meta."""
