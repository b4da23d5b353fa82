"""The Chinese phrases, a file for each subject in zh/; read when Chinese is first asked for."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from campaign_automation.utils.languages.phrasebook import Phrasebook

ERRORS = "errors"  # the subject that names each type of error
PAGES = "pages"  # the subject of pages, whose words have keys
_FOLDER = Path(__file__).with_name("zh")


@lru_cache(maxsize=1)
def phrases() -> dict[str, dict[str, str]]:
    """Return the phrases by subject."""
    files = sorted(_FOLDER.glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in files}


@lru_cache(maxsize=1)
def book() -> Phrasebook:
    sentences = (part for name, part in phrases().items() if name not in (ERRORS, PAGES))
    return Phrasebook({pattern: said for part in sentences for pattern, said in part.items()})
