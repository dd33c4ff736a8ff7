"""When a page is due again: learned from its own captures, sooner while reports are being published and corrected.

The interval is 1 day and doubles with every further capture that said the same, up to 90 (issue 5). Portals without
validators send other bytes each time (hit counters, tokens, a moved menu): that is kept as `changed`, and is no reason
to come back tomorrow. What the parser made of the bytes decides: figures (`revision`), labels, title and prose
(findings of kind `revision`), and the kind of page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

from archive.derive import Capture

GOOD = frozenset({"new", "changed", "unchanged"})
LONGEST_INTERVAL = 90  # days between two visits to a page that does not change
LONGEST_IN_SEASON = 16  # the same from January to March, when reports appear (Order 711, article 49) and are corrected
SEASON = frozenset({1, 2, 3})
CHINA = timezone(timedelta(hours=8))


def is_fresh(history: Sequence[Capture], furniture: frozenset[str], *, listed: bool, at: datetime) -> bool:
    """Whether the newest capture of a page settles the matter at a moment.

    `history` is a page's report captures, oldest first; `furniture` the ids of those that changed in nothing that is
    read (`furniture_alone`). A good capture settles it, and for a page that is not in its list any more, so does its
    being gone.
    """
    settled = GOOD if listed else GOOD | {"gone"}
    if not history or history[-1].outcome not in settled:
        return False
    last = datetime.strptime(history[-1].fetched_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    longest = LONGEST_IN_SEASON if at.astimezone(CHINA).month in SEASON else LONGEST_INTERVAL
    return at < last + timedelta(days=min(2 ** min(_same(history, furniture), 10), longest))


def _same(history: Sequence[Capture], furniture: frozenset[str]) -> int:
    """How many captures before the newest said what it says."""
    if history[-1].outcome == "gone":
        gone = 0
        while gone < len(history) and history[-1 - gone].outcome == "gone":
            gone += 1
        return gone - 1
    same = 0
    for capture in reversed(history):
        if capture.outcome == "unchanged" or capture.id in furniture:
            same += 1
        elif capture.outcome in GOOD or capture.outcome == "gone":
            break
    return same


def furniture_alone(conn: sqlite3.Connection, captures: Iterable[Capture]) -> frozenset[str]:
    """The ids of those `changed` captures of a page that read as the one before them did.

    One that was not read yet, or that the parser died of, counts as a change: it is asked for sooner rather than later.
    """
    found = set()
    before: tuple[str, str | None] | None = None
    for capture in captures:
        if capture.outcome not in ("new", "changed"):
            continue
        row = conn.execute("SELECT page_kind, form FROM reading WHERE capture_id = ?", (capture.id,)).fetchone()
        if capture.outcome == "changed" and row is not None and row == before and row[0] != "failed":
            changed = conn.execute(
                "SELECT EXISTS (SELECT 1 FROM revision WHERE to_capture = ?1) OR EXISTS (SELECT 1 FROM report AS r"
                " JOIN finding_data AS f ON f.report_id = r.id WHERE r.url = ?2 AND f.kind = 'revision'"
                " AND f.capture_id = ?1)",
                (capture.id, capture.url),
            ).fetchone()[0]
            if not changed:
                found.add(capture.id)
        before = row
    return frozenset(found)
