"""The words of pages: a sentence for each key, one module per subject; `{name}` in it is replaced."""

from __future__ import annotations

from campaign_automation.api.pages.wording import ab_test, accounts, campaign_report, common, proposal, rule

_SUBJECTS = (common, campaign_report, proposal, ab_test, rule, accounts)
WORDS: dict[str, str] = {key: words for subject in _SUBJECTS for key, words in subject.WORDS.items()}


def say(key: str, **values: object) -> str:
    """Return the sentence of a key with its values. Raises KeyError for a key without words."""
    return WORDS[key].format(**values)


def named(group: str, value: str) -> str:
    """Return the word for a value of a field, or the value where it has none."""
    return WORDS.get(f"{group}.{value}", value)
