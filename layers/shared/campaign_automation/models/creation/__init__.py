"""The optional settings of a creation: texts, tracking, people and places, keywords, bidding."""
