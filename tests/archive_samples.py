"""A parser for the archive's tests, and pages for it: a page is the JSON of what is read from it.

`VERSION`, `parse` and `as_dict` are what a parser pool asks of a parser module. Names in the pages are made up, but for
those of places.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from archive.store import Capture, Store

VERSION = "stub 1"
PORTALS = [
    ("quzhou-qujiang", "衢州市衢江区人民政府", "330803", "hanweb-jcms", "http://www.qj.example/col/index.html"),
    ("anfu", "安福县人民政府", "360829", "plain", "http://anfu.example/index.html"),
]
METADATA = dict.fromkeys(
    ("index_number", "publisher", "written_on", "published_on", "openness", "validity", "document_number",
     "registration", "agency", "region")
)  # fmt: skip


def page(**changes: Any) -> bytes:
    """Bytes of a page; `furniture` is read by nobody.

    `figures` maps an indicator of v2014, or `form:indicator:col`, to its raw text.
    """
    return json.dumps(changes, ensure_ascii=False).encode()


def parse(body: bytes, *, url: str | None = None, media_type: str | None = None) -> dict[str, Any]:
    said = json.loads(body)
    if said.get("sleep"):
        time.sleep(said["sleep"])
    if said.get("die"):
        os._exit(said["die"])
    figures = []
    for row, (indicator, raw) in enumerate(said.get("figures", {}).items(), 1):
        state = "blank" if not raw.strip() else "number" if raw.isdigit() else "dash" if raw == "-" else "text"
        form, code, col = indicator.split(":") if ":" in indicator else ("v2014", indicator, "year_total")
        figures.append(
            {"form": form, "indicator": code, "col": col, "label": code, "raw": raw,
             "value": int(raw) if state == "number" else None, "state": state, "unit": "件", "tbl": 1, "row": row,
             "cell": 3}
        )  # fmt: skip
    kind = said.get("kind", "report")
    return {
        "kind": kind, "title": said.get("title"), "url": url, "form": figures[0]["form"] if figures else None,
        "year": said.get("year"), "media_type": media_type, "charset": "utf-8", "parser": VERSION,
        "metadata": METADATA | said.get("metadata", {}), "figures": figures,
        "sections": [{"ordinal": 1, "heading": "一、概述", "text": said.get("text", "")}] if kind == "report" else [],
        "claims": [
            {"name": "received", "form": "v2014", "indicator": "applications_received", "col": "year_total", "value": 1,
             "raw": "1件", "section": 1, "start": 0}
        ] if said.get("claim") else [],
        "findings": [
            {"kind": "check", "name": name, "at": "year_total", "strength": "exact", "status": status, "expected": 1,
             "found": 1 if status == "pass" else 2, "cause": None if status == "pass" else "source", "note": None}
            for name, status in said.get("checks", {}).items()
        ],
    }  # fmt: skip


def as_dict(report: dict[str, Any]) -> dict[str, Any]:
    return report


def at(day: int) -> str:
    return f"2026-01-{day:02}T02:15:00Z"


def begin(store: Store, day: int = 1) -> str:
    store.save_portals(PORTALS)
    return store.begin_crawl("a test", "test", at(day))


def fetched(crawl_id: str, url: str, day: int, **changes: Any) -> Capture:
    """A capture as a crawler hands it over."""
    given: dict[str, Any] = {
        "id": "", "crawl_id": crawl_id, "portal": "quzhou-qujiang", "url": url, "final_url": url, "fetched_at": at(day),
        "kind": "report", "status": 200, "outcome": "ok", "headers": "[]", "sha256": None, "note": None,
    }  # fmt: skip
    return Capture(**(given | changes))


def keep(store: Store, crawl_id: str, url: str, day: int, body: bytes, **changes: Any) -> Capture:
    """Save a capture and what the stub parser makes of it."""
    stored = store.save_capture(fetched(crawl_id, url, day, **changes), body, "text/html")
    store.save_report(stored, parse(body, url=stored.url, media_type="text/html"))
    return stored
