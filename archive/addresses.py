"""The canonical form of an address, under which a page's captures and report are kept.

Two addresses that portals use for the same bytes must become one (docs/design.md, "Canonical URL"); two different
pages must never. Hence only what was seen on portals is removed: session ids, jQuery's cache-breaking `_` parameter,
and the two ways in which CMSs name a telephone twin (`…_wap.html`, `?isMobile=`). The order of parameters is kept:
some portals' servers depend on it.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_PORTS = {"http": "80", "https": "443"}
_SESSION = re.compile(r";jsessionid=[^/?#;]*", re.IGNORECASE)
_TWIN = re.compile(r"_wap(?=\.s?html?$)", re.IGNORECASE)
_DROPPED = frozenset({"_", "ismobile", "jsessionid"})


def canonical_url(url: str) -> str:
    """Return `url` in canonical form; the form of a canonical URL is itself.

    Anything without a host (`urn:sha256:…`) is returned unchanged. A URL that cannot be split (a broken IPv6 host)
    is returned as listed: fetching it will fail and be recorded under that name.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return url
    if not host:
        return url
    path, query = _path(parts.path) or "/", _query(parts.query)
    canonical = urlunsplit(SplitResult(parts.scheme.lower(), _netloc(parts, host, port), path, query, fragment=""))
    # a fragment or a parameter that was dropped may have kept white space from the end of the address
    return canonical if canonical == canonical.strip() else canonical_url(canonical)


def _netloc(parts: SplitResult, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    if port is not None and str(port) != _PORTS.get(parts.scheme.lower()):
        shown = f"{shown}:{port}"
    user = parts.netloc.rpartition("@")[0]
    return f"{user}@{shown}" if user else shown


def _path(path: str) -> str:
    while (shorter := _TWIN.sub("", _SESSION.sub("", path))) != path:
        path = shorter
    return path


def _query(query: str) -> str:
    kept = (part for part in query.split("&") if part.partition("=")[0].lower() not in _DROPPED)
    return "&".join(kept)
