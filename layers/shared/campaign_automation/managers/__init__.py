"""The use cases behind the actions, step by step."""
