"""From Scrapy's requests and answers to captures: the evidence of one fetch, as the archive keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scrapy.http import Response

from archive.ids import capture_id
from archive.store import Capture, now
from crawler.outcomes import Verdict, judge

_CONDITIONAL = ("If-None-Match", "If-Modified-Since")


def headers_of(response: Response) -> list[tuple[str, str]]:
    """The answer's headers in their order, names as Scrapy normalises them, bytes as Latin-1."""
    pairs: list[tuple[str, str]] = []
    for name, values in response.headers.items():
        for value in values if isinstance(values, list) else [values]:
            pairs.append((_text(name), _text(value)))
    return pairs


def media_type_of(response: Response) -> str | None:
    """The declared media type without its parameters, lower case; None where none is declared."""
    declared = response.headers.get(b"Content-Type")
    return (declared.decode("latin-1").partition(";")[0].strip().lower() or None) if declared else None


def answer_verdict(response: Response) -> Verdict:
    """`crawler.outcomes.judge` on Scrapy's response, for the page that its request asked for."""
    request = response.request
    entry = request.meta.get("entry") if request is not None else None
    conditional = request is not None and any(name in request.headers for name in _CONDITIONAL)
    if response.status == 304 and not conditional:
        return Verdict("failed", "status 304, which was not asked for")
    return judge(
        response.status,
        response.body,
        final_url=response.url,
        headers=headers_of(response),
        flags=response.flags,
        article=request is not None and request.meta.get("kind") == "report",
        listed=request.meta["listed"] if request is not None else None,
        title=entry.title if entry is not None else None,
    )


def answered(response: Response, crawl_id: str, outcome: str, note: str | None, sha256: str | None = None) -> Capture:
    """The capture of an answer; the hops that led there, and what was relaxed of TLS, stand in the note."""
    request = response.request
    if request is None:
        raise ValueError(f"an answer without its request: {response.url}")
    hops = request.meta.get("redirect_urls", [])
    via = f"via {' '.join(hops)}" if hops else None
    relaxed = f"TLS relaxed: {reason}" if (reason := request.meta.get("tls")) else None
    notes = "; ".join(part for part in (note, via, relaxed) if part) or None
    return _capture(request.meta, crawl_id, outcome, notes)._replace(
        final_url=response.url,
        status=response.status,
        headers=json.dumps(headers_of(response), ensure_ascii=False),
        sha256=sha256,
    )


def unanswered(meta: Mapping[str, Any], crawl_id: str, outcome: str, note: str | None) -> Capture:
    """The record of a request that brought no answer; `meta` is the request's, with `portal`, `kind` and `listed`."""
    return _capture(meta, crawl_id, outcome, note)


def _capture(meta: Mapping[str, Any], crawl_id: str, outcome: str, note: str | None) -> Capture:
    url, fetched_at = meta["listed"], now()
    return Capture(
        id=capture_id(crawl_id, url, fetched_at),
        crawl_id=crawl_id,
        portal=meta["portal"],
        url=url,
        final_url=None,
        fetched_at=fetched_at,
        kind=meta["kind"],
        status=None,
        outcome=outcome,
        headers="[]",
        sha256=None,
        note=note,
    )


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
