"""CSV for spreadsheets: a cell that one would run as a formula gets an apostrophe in front, numbers stay numbers.

A formula begins with one of = + - @, a tab or a carriage return (OWASP, "CSV Injection"), also in full width (Excel
folds it). The text comes in pieces that end anywhere; a row is complete at a line end outside quotes.
"""

from __future__ import annotations

import csv
import io
import re

_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")


def neutral(cell: str) -> str:
    """The cell, with an apostrophe in front where a spreadsheet would take it for a formula."""
    if cell.startswith(_STARTS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


class Neutraliser:
    """Pieces of one CSV in, the same with neutral cells out; `finish` gives what is left."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The rows that are complete with this piece."""
        self._held += piece
        if self._held.count('"') % 2:
            return ""
        end = self._held.rfind("\n") + 1
        while end and self._held.count('"', 0, end) % 2:
            end = self._held.rfind("\n", 0, end - 1) + 1
        complete, self._held = self._held[:end], self._held[end:]
        return _rewritten(complete)

    def finish(self) -> str:
        complete, self._held = self._held, ""
        return _rewritten(complete)


def _rewritten(text: str) -> str:
    if not text:
        return ""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in csv.reader(io.StringIO(text, newline="")):
        writer.writerow([neutral(cell) for cell in row])
    return out.getvalue()
