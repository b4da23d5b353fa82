"""The words of pages: a sentence for each key, one module per subject; `{name}` in it is replaced.

The reader's language is that of utils/languages; its Chinese words have the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from campaign_automation.api.pages.wording import ab_test, accounts, campaign_report, common, proposal, rule
from campaign_automation.utils.languages import CHINESE, moments, reader
from campaign_automation.utils.languages.speaking import told

_SUBJECTS = (common, campaign_report, proposal, ab_test, rule, accounts)
WORDS: dict[str, str] = {key: words for subject in _SUBJECTS for key, words in subject.WORDS.items()}


def say(key: str, **values: object) -> str:
    """Return the sentence of a key with its values. Raises KeyError for a key without words."""
    return _words()[key].format(**{name: local(value) for name, value in values.items()})


def named(group: str, value: str) -> str:
    """Return the word for a value of a field, or the value where it has none."""
    return _words().get(f"{group}.{value}") or told(value)


def local(value: object) -> object:
    """Return a value as the reader's language writes it: days and times; all others as they are."""
    is_other = reader.get() == CHINESE and isinstance(value, str | date)
    return moments.said(str(value)) if is_other else value


def _words() -> Mapping[str, str]:
    if reader.get() != CHINESE:
        return WORDS
    from campaign_automation.utils.languages.catalogue import PAGES, phrases

    return phrases()[PAGES]
