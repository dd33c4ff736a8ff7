"""The evidence as WARC 1.1 (ISO 28500:2017), for any web archive's tools, with what only gongkai knows beside it.

A capture with an answer is a `response`, or a `revisit` where its body was written before; a page imported without an
address is a `resource`. What WARC has no field for (portal, kind, outcome, note, …) stands in a `metadata` record that
refers to the capture's; captures without an answer have only that one. The crawls, portals, visits, entries and fixity
log are `metadata` records of `urn:gongkai:…`: before the captures what they refer to, at the end the rest.
`archive.import_warc` reads them all back to the same rows.

Trap: the archive keeps bodies after Content-Encoding and Transfer-Encoding were undone, and the headers as they came.
A replay tool would undo them again, so these headers, and a Content-Length that no longer fits, are written as
`X-Archive-Orig-…`; the untouched list is in the `metadata` record.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from http import HTTPStatus
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive.citing import Edition, citation
from archive.derive import Capture
from archive.schema import CAPTURE_ORDER
from archive.store import Store

PART = 1_000_000_000  # bytes after which the next file begins, as web archives do
ROWS = 1000  # rows of the crawls' log in one record
EXTRA = "application/vnd.gongkai+json"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_DATE = "1970-01-01T00:00:00Z"  # of an archive without captures
REVISIT = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"

Written = dict[str, tuple[str, str, str]]  # sha256 -> URL, time and payload digest of the record with the body

LOG: dict[str, tuple[str, ...]] = {
    "portal": ("key", "name", "region", "family", "url"),
    "crawl": ("id", "started_at", "finished_at", "outcome", "version", "arguments", "captured", "unchanged", "gone",
              "blocked", "refused", "failed"),
    "visit": ("crawl_id", "portal", "declared", "found", "outcome", "note"),
    "entry": ("crawl_id", "portal", "ordinal", "url", "title", "listed_date", "listing_capture", "decision"),
    "fixity": ("id", "checked_at", "sha256", "ok"),
}  # fmt: skip
"""Tables of evidence beside captures and bodies, in the order of their references, with their columns."""
FIRST = ("portal", "crawl")  # captures refer to these
NOTICED = ("id", "capture_id", "crawl_id", "portal", "kind", "name", "at", "strength", "status", "expected", "found",
           "cause", "note")  # fmt: skip


def write(
    store: Store, folder: Path, found: Edition, advance: Callable[[int], None], part: int = PART
) -> Iterator[tuple[Path, int]]:
    """Write `gongkai-00001.warc.gz` and so on; gives each file, when it is complete, with its number of captures.

    A body is written once, with the first capture that has it. ArchiveError where one is damaged.
    """
    written: Written = {}
    captures = _captures(store.conn)
    for number in range(1, 100_000):
        path = folder / f"gongkai-{number:05}.warc.gz"
        count, done = 0, False
        with path.open("wb") as file:
            writer = WARCWriter(file, gzip=True, warc_version="WARC/1.1")
            _begin(writer, path.name, found)
            if number == 1:
                _write_log(writer, store.conn, found, first=True)
            for capture in captures:
                _write_capture(writer, store, capture, written)
                advance(1)
                count += 1
                if file.tell() > part:
                    break
            else:
                _write_log(writer, store.conn, found, first=False)
                done = True
        yield path, count
        if done:
            return


def record_id(name: str) -> str:
    """A record's id, the same in every export of the same archive."""
    return f"<urn:uuid:{uuid5(NAMESPACE_URL, f'gongkai:{name}')}>"


def _captures(conn: sqlite3.Connection) -> Iterator[Capture]:
    for row in conn.execute(f"SELECT {', '.join(Capture._fields)} FROM capture ORDER BY {CAPTURE_ORDER}"):
        yield Capture(*row)


def _begin(writer: Any, name: str, found: Edition) -> None:
    about = {
        "software": "gongkai",
        "format": "WARC File Format 1.1",
        "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        "description": citation(found, "every capture, oldest first"),
        "isPartOf": f"gongkai {found.version}",
    }
    text = "".join(f"{key}: {value}\r\n" for key, value in about.items())
    headers = {"WARC-Filename": name, "WARC-Date": found.newest or _NO_DATE}
    _write(
        writer, "warcinfo", None, f"warcinfo {found.version} {name}", headers, text.encode(), "application/warc-fields"
    )


def _write_capture(writer: Any, store: Store, capture: Capture, written: Written) -> None:
    first = capture.sha256 is not None and capture.sha256 not in written
    extra: dict[str, Any] = capture._asdict()
    headers = {"WARC-Date": capture.fetched_at}
    if capture.status is not None or capture.sha256 is not None:
        body = store.body(capture.sha256) if capture.sha256 is not None and first else b""
        kind = "response" if capture.status is not None else "resource"
        media_type = "application/http; msgtype=response"
        if capture.sha256 is not None:
            extra["media_type"] = store.media_type(capture.sha256)
            if capture.status is None:
                media_type = extra["media_type"] or "application/octet-stream"
            if not first:
                kind = "revisit"
                url, time, digest = written[capture.sha256]
                headers |= {"WARC-Profile": REVISIT, "WARC-Refers-To-Target-URI": url, "WARC-Refers-To-Date": time,
                            "WARC-Payload-Digest": digest}  # fmt: skip
        # Of a 304 no block: a replay tool would answer 304 to a reader who has nothing yet.
        answer = _answer(capture, len(body)) if capture.status not in (None, 304) else None
        url = capture.final_url or capture.url
        digest = _write(writer, kind, url, f"capture {capture.id}", headers, body, media_type, answer)
        if capture.sha256 is not None and first:
            written[capture.sha256] = (url, capture.fetched_at, digest)
        headers = {"WARC-Date": capture.fetched_at, "WARC-Refers-To": record_id(f"capture {capture.id}")}
    # An address of its own: a replay tool would show this record in the place of the page.
    _write(
        writer, "metadata", f"urn:gongkai:capture:{capture.id}", f"metadata {capture.id}", headers, _json(extra), EXTRA
    )


def _answer(capture: Capture, size: int) -> StatusAndHeaders:
    status = capture.status or 0
    phrase = _PHRASES.get(status, "Unknown")
    headers = [_replayed(name, value, size) for name, value in json.loads(capture.headers)]
    return StatusAndHeaders(f"{status} {phrase}", headers, protocol="HTTP/1.1")


def _replayed(name: str, value: str, size: int) -> tuple[str, str]:
    low = name.lower()
    stale = low == "content-length" and value.strip() != str(size)
    hidden = low in ("content-encoding", "transfer-encoding") or stale
    return (f"X-Archive-Orig-{name}" if hidden else name), value.replace("\r", " ").replace("\n", " ")


def _write_log(writer: Any, conn: sqlite3.Connection, found: Edition, *, first: bool) -> None:
    date = {"WARC-Date": found.newest or _NO_DATE}
    queries = {
        name: f"SELECT {', '.join(columns)} FROM {name} ORDER BY rowid"
        for name, columns in LOG.items()
        if (name in FIRST) == first
    }
    if not first:
        queries["finding"] = f"SELECT {', '.join(NOTICED)} FROM finding WHERE crawl_id IS NOT NULL ORDER BY id"
    for name, query in queries.items():
        rows = iter(conn.execute(query))
        number = 0
        while some := list(islice(rows, ROWS)):
            number += 1
            url = f"urn:gongkai:{name}:{number}"
            _write(writer, "metadata", url, f"{found.version} {url}", date, _json({"table": name, "rows": some}), EXTRA)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _write(
    writer: Any, kind: str, url: str | None, name: str, headers: dict[str, str], payload: bytes, media_type: str,
    answer: StatusAndHeaders | None = None,
) -> str:  # fmt: skip
    """Write one record; returns its payload digest (SHA-1, as CDX files have it), empty where it has none."""
    record = writer.create_warc_record(
        url or "", kind, payload=BytesIO(payload), length=len(payload), warc_content_type=media_type,
        warc_headers_dict={"WARC-Record-ID": record_id(name), **headers}, http_headers=answer,
    )  # fmt: skip
    writer.write_record(record)
    return record.rec_headers.get_header("WARC-Payload-Digest") or ""
