"""A parser that takes a millisecond of the processor and finds one section: for what the crawl itself costs."""

from __future__ import annotations

import time
from typing import Any

VERSION = "stub of 1 ms"


def parse(body: bytes, *, url: str | None = None, media_type: str | None = None) -> dict[str, Any]:
    ends = time.perf_counter() + 0.001
    metadata = dict.fromkeys(
        ("index_number", "publisher", "written_on", "published_on", "openness", "validity", "document_number",
         "registration", "agency", "region", "level", "agency_kind")
    )  # fmt: skip
    while time.perf_counter() < ends:
        pass
    return {
        "kind": "report", "title": "stub", "url": url, "form": None, "year": None, "media_type": media_type,
        "charset": "utf-8", "parser": VERSION, "metadata": metadata, "figures": [],
        "sections": [{"ordinal": 1, "heading": "一、概述", "text": "公开"}], "claims": [], "findings": [],
    }  # fmt: skip


def as_dict(report: dict[str, Any]) -> dict[str, Any]:
    return report
