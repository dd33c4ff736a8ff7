"""What changed between the captures of one page: figures as `revision` rows, metadata and prose as findings.

The newest reading is in the derived tables; an older one is had by undoing the revisions after it (figures) or from
`version` (metadata, and a digest of each section). So captures may be read in any order, and the result is the same.
Furniture (menus, hit counters) is in no section, no figure and no label: it changes nothing here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archive.derive import Derived

Key = tuple[str, str, str]  # form, indicator, col
Figures = dict[Key, Any]  # the value, else the raw text
METADATA = ("index_number", "publisher", "written_on", "published_on", "openness", "validity", "document_number",
            "registration")  # fmt: skip
_FIELDS = ("title", "year", "form", *METADATA)


def content_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What versions compare beside figures, from a parser's dictionary: `fields`, and `sections` as [heading, digest,
    characters]."""
    said = {**report, **report["metadata"]}
    sections = [[s["heading"], _digest(s["text"]), len(s["text"])] for s in report["sections"]]
    return {"fields": {name: said[name] for name in _FIELDS}, "sections": sections}


def content_kept(derived: Derived, identity: int) -> dict[str, Any]:
    """The same of the reading that the tables hold."""
    (row,) = derived.conn.execute(f"SELECT {', '.join(_FIELDS)} FROM {derived.prefix}report WHERE id = ?", (identity,))
    sections = derived.conn.execute(
        f"SELECT heading, text FROM {derived.prefix}section WHERE report_id = ? ORDER BY ordinal", (identity,)
    )
    return {
        "fields": dict(zip(_FIELDS, row, strict=True)),
        "sections": [[heading, _digest(text), len(text)] for heading, text in sections],
    }


def save_version(derived: Derived, capture_id: str, identity: int, content: Mapping[str, Any]) -> None:
    """Keep the content of a reading that is not the newest."""
    derived.conn.execute(
        f"INSERT OR REPLACE INTO {derived.prefix}version VALUES (?, ?, ?)",
        (capture_id, identity, json.dumps(content, ensure_ascii=False)),
    )


def save_changes(derived: Derived, identity: int, order: list[str]) -> None:
    """Write anew the findings on metadata and prose between the captures `order` of a report, the newest of which the
    tables hold."""
    conn, p = derived.conn, derived.prefix
    conn.execute(f"DELETE FROM {p}finding_data WHERE report_id = ? AND kind = 'revision'", (identity,))
    if len(order) < 2:
        return
    versions = {
        capture_id: json.loads(content)
        for capture_id, content in conn.execute(
            f"SELECT capture_id, content FROM {p}version WHERE report_id = ?", (identity,)
        )
    }
    versions[order[-1]] = content_kept(derived, identity)
    repeated: dict[tuple[str, str], int] = {}
    for earlier, later in pairwise(order):
        if earlier not in versions or later not in versions:
            continue
        rows = []
        for finding in differences(versions[earlier], versions[later]):
            key = (finding["name"], finding["at"])
            ordinal = repeated[key] = repeated.get(key, -1) + 1
            rows.append((finding, ordinal))
        derived.insert_findings(rows, identity, identity, later)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A finding for each field and section that differs; `expected` and `found` are a section's characters before and
    after."""
    for name in _FIELDS:
        old, new = before["fields"][name], after["fields"][name]
        if old != new:
            yield {"kind": "revision", "name": "metadata_changed", "at": name, "status": "notice",
                   "note": f"{_shown(old)} → {_shown(new)}"}  # fmt: skip
    old_sections, new_sections = _numbered(before["sections"]), _numbered(after["sections"])
    for key in [*old_sections, *(key for key in new_sections if key not in old_sections)]:
        old, new = old_sections.get(key), new_sections.get(key)
        if old != new:
            what = "changed" if old and new else "removed" if old else "added"
            yield {"kind": "revision", "name": "prose_changed", "at": key[0], "status": "notice", "note": what,
                   "expected": old[1] if old else None, "found": new[1] if new else None}  # fmt: skip


def figures_at(derived: Derived, identity: int, order: list[str]) -> dict[str, Figures]:
    """What each of the captures `order` showed: the newest from the tables, the older by undoing revisions."""
    conn, p = derived.conn, derived.prefix
    holder = conn.execute(f"SELECT capture_id FROM {p}report WHERE id = ?", (identity,)).fetchone()
    if not order or holder != (order[-1],):
        return {}
    now: Figures = {}
    query = f"SELECT code, value, coalesce(raw, '') FROM {p}figure_data WHERE report_id = ?"
    cells = derived.codes.cells()
    for code, value, raw in conn.execute(query, (identity,)):
        now[cells[code]] = raw if value is None else value
    states = {order[-1]: now}
    for later, earlier in zip(reversed(order), reversed(order[:-1]), strict=False):
        now = dict(now)
        for form, row, col, old in conn.execute(
            f"SELECT form, indicator, col, before FROM {p}revision"
            " WHERE report_id = ? AND from_capture = ? AND to_capture = ?",
            (identity, earlier, later),
        ):
            if old is None:
                del now[form, row, col]
            else:
                now[form, row, col] = old
        states[earlier] = now
    return states


def save_revisions(
    derived: Derived, identity: int, capture_id: str, former: list[str], order: list[str], states: dict[str, Figures]
) -> None:
    """Write anew what lies between `capture_id` and its neighbours, before (`former`) and after (`order`) it was
    read."""
    old, new = set(pairwise(former)), set(pairwise(order))
    touched = (old ^ new) | {pair for pair in new if capture_id in pair}
    derived.conn.executemany(
        f"DELETE FROM {derived.prefix}revision WHERE report_id = ? AND from_capture = ? AND to_capture = ?",
        [(identity, *pair) for pair in touched],
    )
    rows = [
        (identity, earlier, later, *key, states[earlier].get(key), states[later].get(key))
        for earlier, later in sorted(touched & new)
        if earlier in states and later in states
        for key in sorted(states[earlier].keys() | states[later].keys())
        if states[earlier].get(key) != states[later].get(key)
    ]
    derived.conn.executemany(f"INSERT INTO {derived.prefix}revision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _numbered(sections: Iterable[list[Any]]) -> dict[tuple[str, int], list[Any]]:
    """[digest, characters] by heading and how often it stood before."""
    found: dict[tuple[str, int], list[Any]] = {}
    for heading, digest, length in sections:
        ordinal = 0
        while (heading, ordinal) in found:
            ordinal += 1
        found[heading, ordinal] = [digest, length]
    return found


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
