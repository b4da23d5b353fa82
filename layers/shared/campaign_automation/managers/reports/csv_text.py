"""The report as text of RFC 4180 that spreadsheets open: UTF-8 with a byte order mark, a row for each object.

An unknown figure is an empty cell, never 0. Python's csv module writes the quotes; pandas was weighed and is
thirty times this module's size.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from campaign_automation.models.reports import ReportBlock, ReportFigures, ReportRow

_OF_ROW = [name for name in ReportRow.model_fields if name not in ReportFigures.model_fields]
_OF_BLOCK = ["platform", "ad_account_id", "platform_account_id", "currency", "time_zone", "as_of", "source"]
COLUMNS = [*_OF_ROW[:1], *_OF_BLOCK, *_OF_ROW[1:], *ReportFigures.model_fields, "problem"]
_BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as the machine's own encoding
# A cell that begins so is a formula to a spreadsheet, and names are whatever people typed.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(blocks: Iterable[ReportBlock]) -> str:
    """Return the rows of all blocks; an account that could not be read has one row with its problem."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for cells in _cells(blocks):
        writer.writerow({name: _cell(value) for name, value in cells.items()})
    return _BYTE_ORDER_MARK + text.getvalue()


def _cells(blocks: Iterable[ReportBlock]) -> Iterator[Mapping[str, Any]]:
    for block in blocks:
        shared = {name: getattr(block, name) for name in (*_OF_BLOCK, "problem")}
        rows: Sequence[ReportRow | None] = block.rows or ([None] if block.problem else [])
        for row in rows:
            yield shared if row is None else {**dict(row), **shared}


def _cell(value: Any) -> str:
    """Return a cell; a text that a spreadsheet would compute gets an apostrophe before it."""
    if value is None:
        return ""
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip().startswith(_FORMULA) else text
