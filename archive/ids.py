"""Ids that come from content, so that a rebuild, a merge and another machine give the same ones.

Ids of reports and agencies are 48 bits, of findings and checks of bodies, which are many more, 52: all are exact as a
number in JavaScript, R and Stata. With a million reports the chance that any two collide is about one in 560; a
collision is therefore looked for wherever an id is written, and is an error.
"""

from __future__ import annotations

import hashlib
import re
import secrets

_MANY = 13  # hex digits
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def report_id(url: str) -> int:
    """Id of the report at `url` (canonical): first 12 hex digits of its SHA-256 as an integer."""
    return _number(url)


def agency_id(region: str | None, name: str) -> int:
    """Id of an agency: 12 hex digits of sha256(region, newline, full name); an unknown region counts as empty."""
    return _number(f"{region or ''}\n{name}")


def finding_key(kind: str, name: str, at: str | None, ordinal: int) -> int:
    """What a finding says of itself, as a number; `ordinal` counts repetitions within its scope, from 0."""
    return _number("\n".join((kind, name, at or "", str(ordinal))), _MANY)


def finding_id(scope: int | str, key: int) -> int:
    """Id of a finding: the exclusive or of `finding_key` and what it hangs on.

    `scope` is the report's id, or else names a capture or crawl (`capture:…`, `crawl:…:portal`). The view `finding`
    computes the same for the findings that are kept as codes.
    """
    return key ^ (scope if isinstance(scope, int) else _number(scope, _MANY))


def fixity_id(checked_at: str, sha256: str) -> int:
    """Id of one check of one body."""
    return _number(f"{checked_at}\n{sha256}", _MANY)


def capture_id(crawl_id: str, url: str, fetched_at: str) -> str:
    """Id of a capture: first 16 hex digits of sha256 of crawl id, URL and time joined by newlines."""
    return hashlib.sha256(f"{crawl_id}\n{url}\n{fetched_at}".encode()).hexdigest()[:16]


def new_crawl_id(started_at: str) -> str:
    """Id of a crawl that starts at `started_at` (`YYYY-MM-DDTHH:MM:SSZ`): that time without marks, and 6 random hex."""
    if not _TIME.fullmatch(started_at):
        raise ValueError(f"a time of the archive looks like 2026-01-18T02:15:00Z, not like {started_at!r}")
    return f"{started_at.replace('-', '').replace(':', '')}-{secrets.token_hex(3)}"


def _number(key: str, digits: int = 12) -> int:
    return int(hashlib.sha256(key.encode()).hexdigest()[:digits], 16)
