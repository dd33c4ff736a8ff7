"""What a visit to a portal knows of its lists: the pages of one, the walk through it, how the visit ends.

A visit walks the portal's own list and the columns below it. Each list has its own end; the visit's is the worst of
them. Declared against found is judged list by list, since columns may share addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scrapy import Request

from crawler.lists import Entry
from crawler.portals import Portal
from crawler.session import EntryRow

# Of a visit's lists the worst end is the visit's; a column that is missing or fails leaves the visit incomplete.
_SEVERITY = (
    "interrupted",
    "host_left_alone",
    "blocked",
    "refused",
    "failed",
    "gone",
    "incomplete",
    "finished",
    "empty",
)
WALKED = frozenset({"finished", "empty", "incomplete"})
UNREADABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a family's `listing()` raises at an answer of a shape that nobody has seen: JSON with other types, say."""
_INSIDE = {"failed": "incomplete", "gone": "incomplete", "empty": "finished"}


class Listing(NamedTuple):
    """One page of a list: its lines, the request for the next page, and how many lines the list says it has.

    `columns` are links outside the lines that lead to further lists (tabs of years), walked like lines that do.
    `complete` says whether a page without lines is a page of the list all the same (True: the list ends here), or lacks
    the list it should hold (False); where the family cannot tell (None), a further page without lines lacks it.
    `probes` are addresses that hold a report or nothing, and nobody lists which (a page a body and year): they are
    asked for, those that hold one become lines, the others leave no trace but their captures.
    """

    entries: list[Entry]
    next: Request | None
    declared: int | None
    columns: Sequence[Entry] = ()
    complete: bool | None = None
    probes: Sequence[Entry] = ()


@dataclass
class Walk:
    """One list of a portal: its own, or a column's inside it. `found` holds the canonical URLs of its lines, `lines`
    counts them on pages that gave something new, `seen` holds them with those that have no link, `row` is the line that
    led to a column."""

    url: str
    title: str
    depth: int
    row: EntryRow | None = None
    pages: int = 0
    lines: int = 0
    declared: int | None = None
    found: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    asked: set[tuple[str, str, bytes]] = field(default_factory=set)
    framed: bool = False
    probe: bool = False
    is_report: bool = False
    outcome: str | None = None
    note: str | None = None


@dataclass
class Visit:
    """What this crawl knows of one portal so far; `found` holds the canonical URLs of its lines, columns left out."""

    portal: Portal
    found: set[str] = field(default_factory=set)
    walks: list[Walk] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    outcome: str | None = None

    def declared(self) -> int | None:
        """The lines that its lists declare; None where a list with lines of its own does not say."""
        listed = [walk for walk in self.walks if walk.declared is not None or walk.found - self.columns]
        told = [walk.declared for walk in listed if walk.declared is not None]
        return sum(told) if told and len(told) == len(listed) else None

    def end(self) -> tuple[str, str | None]:
        """The worst end of its lists, and the notes of those that did not end well (three, and how many more)."""
        ends = [(_INSIDE.get(w.outcome or "", w.outcome) if w.depth else w.outcome, w.note) for w in self.walks]
        outcome = min((str(end) for end, _ in ends), key=_SEVERITY.index)
        notes = [note for end, note in ends if note and end not in ("finished", "empty")]
        more = [f"and {len(notes) - 3} more"] if len(notes) > 3 else []
        return outcome, "; ".join(notes[:3] + more) or None
