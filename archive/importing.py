"""Files from elsewhere into the archive: pages that somebody saved, and text that somebody else extracted.

A page comes without its address, so its URL is `urn:sha256:<hex>` of its own bytes; the file's name stands in the
capture's note and is evidence of nothing. Bytes of any kind are kept before anyone tries to read them: what no reader
understands today (PDF, Word, pictures) is read by a later `gongkai reparse`. A suffix lies more often than the first
bytes do, hence the bytes are asked first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from archive import bodies
from archive.ids import capture_id
from archive.parsing import ParserPool
from archive.store import Capture, Store

READABLE = frozenset({"text/html", "text/plain"})
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
)
_SUFFIXES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".shtml": "text/html",
    ".xhtml": "text/html",
    ".txt": "text/plain",
    ".md": "text/plain",
}
_TAGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table")
_OOXML = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_NAMES = {
    "application/pdf": "a PDF",
    "application/msword": "a Word file",
    _OOXML[".docx"]: "a Word file",
    _OOXML[".xlsx"]: "an Excel file",
    "image/png": "a picture",
    "image/jpeg": "a picture",
    "image/gif": "a picture",
    "application/octet-stream": "a file that is neither text nor any known document",
}


class Imported(NamedTuple):
    """One file: its path, the capture's URL and outcome, the page's kind and title, and why it was not read, if so.

    `outcome` is new, unchanged (already in the archive), duplicate (twice in this import), or None (not kept).
    """

    path: str
    url: str | None
    outcome: str | None
    kind: str | None
    title: str | None
    problem: str | None


Progress = Callable[[int, int, str], None]  # files done, files in all, the file's name


def media_type(name: str, body: bytes) -> str:
    """The media type of a file: by its first bytes, then its suffix, then whether it looks like HTML or like text."""
    suffix = Path(name).suffix.lower()
    for magic, found in _MAGIC:
        if body.startswith(magic):
            return _OOXML.get(suffix, found) if found == "application/zip" else found
    if _is_binary(body[:4096]):
        return "application/octet-stream"
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    start = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and any(tag in start for tag in _TAGS):
        return "text/html"
    return "text/plain" if suffix == "" else "application/octet-stream"


def _is_binary(start: bytes) -> bool:
    """Whether bytes are no text in any encoding of these pages: a NUL, or over 2 % of other control characters."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = sum(1 for byte in start if byte < 9 or 13 < byte < 32)
    return b"\0" in start or controls * 50 > len(start)


def unreadable(kind: str) -> str | None:
    """Why a file of this media type cannot be read yet, as the end of a sentence; None where it can."""
    if kind in READABLE:
        return None
    return f"{_NAMES.get(kind, kind)} is not yet readable; only HTML and plain text are"


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files of `paths`, folders walked, in the order of their names; hidden files are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            if found.is_file() and not any(part.startswith(".") for part in found.relative_to(path).parts):
                yield found


def import_paths(store: Store, paths: Sequence[Path], version: str, progress: Progress) -> list[Imported]:
    """Keep each file of `paths` as a capture of one new crawl, then read it; one result a file, in order.

    First what an import that was killed had kept and not come to read is read. The same bytes twice in one import
    give one capture. A file that the disk does not give up is a result with a problem; the archive's own trouble is
    raised, and leaves what was imported so far.
    """
    found = list(files(paths))
    results: list[Imported] = []
    crawl_id = store.begin_crawl("import " + " ".join(path.name for path in paths), version)
    with ParserPool(workers=1) as pool:
        for capture in list(store.unread(pool.version)):
            _read(store, pool, capture)
        urls: set[str] = set()
        for number, path in enumerate(found, start=1):
            results.append(_import_one(store, pool, path, crawl_id, urls))
            progress(number, len(found), path.name)
    store.finish_crawl(crawl_id, "finished")
    return results


def counts(results: Iterable[Imported]) -> dict[str, int]:
    """How many files there were, how many reports, blank forms and other pages among them, and how many problems."""
    kinds = Counter(result.kind for result in results if result.kind is not None)
    outcomes = Counter(result.outcome for result in results)
    return {
        "files": outcomes.total(),
        "new": outcomes["new"],
        "already_there": outcomes["unchanged"] + outcomes["duplicate"],
        "reports": kinds["report"],
        "blank_forms": kinds["blank_form"],
        "other": kinds["other"] + kinds["failed"],
        "unreadable": sum(result.problem is not None for result in results),
    }


def _import_one(store: Store, pool: ParserPool, path: Path, crawl_id: str, urls: set[str]) -> Imported:
    def unkept(problem: str) -> Imported:
        return Imported(str(path), None, None, None, None, problem)

    try:
        size = path.stat().st_size
        if size > bodies.LARGEST:
            return unkept(f"not kept: {size:,} bytes, and an archive takes no body over {bodies.LARGEST:,}")
        body = path.read_bytes()
    except OSError as error:
        return unkept(f"not kept: {error.strerror}")
    url, kind = f"urn:sha256:{bodies.digest(body)}", media_type(path.name, body)
    problem = unreadable(kind) if body else "the file is empty"
    if url in urls:
        return Imported(str(path), url, "duplicate", None, None, problem)
    urls.add(url)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fetched = Capture(
        id=capture_id(crawl_id, url, now),
        crawl_id=crawl_id,
        portal=None,
        url=url,
        final_url=None,
        fetched_at=now,
        kind="report",
        status=None,
        outcome="ok",
        headers="[]",
        sha256=bodies.digest(body),
        note=f"imported from {path.name}",
    )
    capture = store.save_capture(fetched, body, kind)
    report = _read(store, pool, capture) if capture.outcome == "new" else None
    if problem is None and report is not None and report["kind"] == "failed":
        problem = f"kept, but not read: {report['findings'][0]['note']}"
    page_kind, title = (report["kind"], report["title"]) if report is not None else (None, None)
    return Imported(str(path), url, capture.outcome, page_kind, title, problem)


def _read(store: Store, pool: ParserPool, capture: Capture) -> dict[str, Any]:
    if capture.sha256 is None:
        raise ValueError(f"capture {capture.id} is good and has no body")
    report = pool.submit(store.body(capture.sha256), capture.url, store.media_type(capture.sha256)).result()
    store.save_report(capture, report)
    return report
