"""The kit of pages: parts that escape what they are given, charts, figures, and the one style sheet."""
