"""The words of the API's reference: the meaning of each field, and an example of each action."""
