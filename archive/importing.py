"""Files from elsewhere into the archive: pages that somebody saved, text that somebody else extracted, web archives.

A page comes without its address, so its URL is `urn:sha256:<hex>` of its own bytes, unless a CSV says where it was
(`archive.import_addresses`); the file's name stands in the capture's note and is evidence of nothing. Bytes of any kind
are kept before anyone tries to read them: what no reader understands today (PDF, Word, pictures) is read by a later
`gongkai reparse`. A suffix lies more often than the first bytes do, hence the bytes are asked first.
"""

from __future__ import annotations

import json
import mimetypes
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from archive import bodies, import_addresses, import_warc
from archive.import_addresses import Address
from archive.parsing import ParserPool
from archive.restoring import Restorer
from archive.store import Capture, Store, canonical_url, now

_NAMES = {
    "application/pdf": "a PDF",
    "application/x-ole-storage": "a Word file",
    "application/zip": "a Word or zip file",
}
_SUFFIXES = {".shtml": "text/html", ".xhtml": "text/html", ".md": "text/plain"}  # beside Python's own list


class Imported(NamedTuple):
    """One file, or one page of a web archive: then `path` is the web archive's.

    The capture's URL and outcome, the page's kind and title, and why it was not read, if so. `outcome` is new, changed,
    unchanged (already in the archive), duplicate (twice in this import), another one of a capture for what was no page,
    or None (not kept).
    """

    path: str
    url: str | None
    outcome: str | None
    kind: str | None
    title: str | None
    problem: str | None


class Verdict(NamedTuple):
    """What came of reading a page."""

    kind: str
    title: str | None
    problem: str | None


AHEAD = 8  # pages a worker that are read ahead of the one to be written
Progress = Callable[[int, int, str], None]  # files done, files in all, the file's name
Judge = Callable[[int, bytes, str, list[tuple[str, str]]], tuple[str, str | None]]
"""Outcome and note of an answer, from its status, body, address and headers (`crawler.outcomes.judge`)."""


def media_type(name: str) -> str | None:
    """The media type that a file's suffix promises, None for an unknown one. The parser asks the bytes first."""
    suffix = Path(name).suffix.lower()
    return _SUFFIXES.get(suffix) or mimetypes.MimeTypes().guess_type(f"x{suffix}")[0]


def unreadable(report: Mapping[str, Any]) -> str | None:
    """Why a file could not be read, from what the parser made of it (`parsers.as_dict`); None where it could."""
    names = {finding["name"]: finding for finding in report["findings"] if finding["kind"] in ("reading", "parser")}
    if "empty_body" in names:
        return "the file is empty"
    if "unreadable_media_type" in names:
        if report["media_type"] == "application/octet-stream":
            return "neither text nor HTML nor any known document"
        return f"{_NAMES.get(report['media_type'], report['media_type'])} is not yet readable; only HTML and text are"
    if report["kind"] == "failed":
        return f"the parser gave up: {report['findings'][0]['note']}"
    return None


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files of `paths`, folders walked, in the order of their names; hidden files are left out.

    What cannot be read is among them, to be named: a broken link, a link to a folder, a folder that lets nobody in.
    """
    for path in paths:
        yield from sorted(_within(path)) if path.is_dir() else (path,)


def _within(top: Path) -> list[Path]:
    found: list[Path] = []
    locked: list[Path] = []
    for folder, folders, names in os.walk(top, onerror=lambda error: locked.append(Path(error.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += (Path(folder, name) for name in (*links, *names) if not name.startswith("."))
    return found + locked


def _of_archive(path: Path, archive: Path) -> bool:
    """Whether a file is the archive itself, or one that SQLite or the lock keeps beside it."""
    own = archive.resolve()
    return path.resolve().parent == own.parent and path.name in {
        own.name + end for end in ("", "-wal", "-shm", ".lock")
    }


def import_paths(
    store: Store, paths: Sequence[Path], version: str, progress: Progress, judge: Judge, addresses: Path | None = None
) -> list[Imported]:
    """Keep each page of `paths` as a capture of one new crawl, then read it; results in order.

    First what a killed run had kept and not come to read is read. The archive's own files are passed over. The same
    page twice in one import gives one capture. A file that the disk does not give up is a result with a problem; the
    archive's own trouble is raised, and leaves what was imported so far. `addresses`, and each `addresses.csv` in an
    imported folder, says where pages came from: AddressError where it cannot be used, before anything is written.
    What another gongkai archive exported as WARC keeps its own crawls, times and ids.
    """
    found = [path for path in files(paths) if not _of_archive(path, store.path)]
    lists = {path for path in found if path.name == import_addresses.NAME} | ({addresses} if addresses else set())
    known: dict[Path, Address] = {}
    for path in sorted(lists):
        known.update(import_addresses.read(path))
    found = [path for path in found if path.resolve() not in {other.resolve() for other in lists}]
    crawl_id = store.begin_crawl("import " + " ".join(path.name for path in paths), version)
    missing = "not kept: a list of addresses names it, and there is no such file"
    lost = [(path, address.url) for path, address in known.items() if not path.exists()]
    results = [Imported(str(path), url, None, None, None, missing) for path, url in sorted(lost)]
    with ParserPool(workers=os.cpu_count() or 1) as pool:
        work = _Import(store, pool, crawl_id, judge)
        work.read_unread()
        for number, path in enumerate(found, start=1):
            results += work.file(path, known.get(path.resolve()))
            progress(number, len(found), path.name)
    store.finish_crawl(crawl_id, "finished")
    return results


def counts(results: Iterable[Imported]) -> dict[str, int]:
    """How many files there were, how many reports, blank forms and other pages among them, and how many problems."""
    kinds = Counter(result.kind for result in results if result.kind is not None)
    outcomes = Counter(result.outcome for result in results)
    return {
        "files": outcomes.total(),
        "new": outcomes["new"] + outcomes["changed"],
        "already_there": outcomes["unchanged"] + outcomes["duplicate"],
        "reports": kinds["report"],
        "blank_forms": kinds["blank_form"],
        "other": kinds["other"] + kinds["failed"],
        "unreadable": sum(result.problem is not None for result in results),
    }


class _Import:
    """One run of `import_paths`."""

    def __init__(self, store: Store, pool: ParserPool, crawl_id: str, judge: Judge) -> None:
        self.store, self.pool, self.crawl_id, self.judge = store, pool, crawl_id, judge
        self.restorer = Restorer(store)
        self.seen: set[tuple[str, str]] = set()  # address and time, or the hash of a page without an address
        self.digests: dict[str, str] = {}  # a web archive's payload digest -> sha256

    def file(self, path: Path, address: Address | None) -> list[Imported]:
        """The results of one file: one, or one a page for a web archive."""
        try:
            if path.exists() and not path.is_file():
                what = "a link to a folder" if path.is_symlink() else "a folder that cannot be read"
                what = what if path.is_dir() else "no file"
                return [Imported(str(path), None, None, None, None, f"not kept: {what}")]
            if import_warc.is_warc(path):
                return self._warc(path)
            size = path.stat().st_size
            if size > bodies.LARGEST:
                limit = f"{bodies.LARGEST:,}"
                problem = f"not kept: {size:,} bytes, and an archive takes no body over {limit}"
                return [Imported(str(path), None, None, None, None, problem)]
            body = path.read_bytes()
        except OSError as error:
            return [Imported(str(path), None, None, None, None, f"not kept: {error.strerror}")]
        url = address.url if address else f"urn:sha256:{bodies.digest(body)}"
        at = address.fetched_at if address and address.fetched_at else now()
        if self._twice(url, "" if address is None else at):
            return [Imported(str(path), url, "duplicate", None, None, None)]
        capture = self._capture(url, at, path)
        kept = self.store.save_capture(capture, body, media_type(path.name))
        return [self._read(str(path), kept)]

    def read_unread(self) -> dict[str, Verdict]:
        """Read what is kept and not read yet, on all cores; what came of each capture."""
        found: dict[str, Verdict] = {}
        waiting: deque[tuple[Capture, Future[dict[str, Any]]]] = deque()
        captures = self.store.unread(self.pool.version)
        while True:
            waiting.extend((c, self._submitted(c)) for c in islice(captures, self.pool.workers * AHEAD - len(waiting)))
            if not waiting:
                return found
            capture, reading = waiting.popleft()
            report = reading.result()
            self.store.save_report(capture, report)
            found[capture.id] = Verdict(report["kind"], report["title"], unreadable(report))

    def _warc(self, path: Path) -> list[Imported]:
        results: list[Imported] = []
        restored: dict[int, str] = {}  # place in the results -> capture
        for item in import_warc.read(path):
            if isinstance(item, import_warc.Log):
                results += self._logged(path, item)
            elif isinstance(item, import_warc.Unreadable):
                results.append(Imported(str(path), item.url, None, None, None, item.problem))
            elif isinstance(item, import_warc.Restored):
                restored[len(results)] = item.capture.id
                results.append(self._restored(path, item))
            else:
                results.append(self._fetched(path, item))
        readings = self.read_unread()
        for place, identity in restored.items():
            if read := readings.get(identity):
                results[place] = results[place]._replace(**read._asdict())
        return results

    def _logged(self, path: Path, item: import_warc.Log) -> list[Imported]:
        try:
            self.restorer.rows(item.table, item.rows)
        except ValueError as error:
            return [Imported(str(path), None, None, None, None, f"not kept: {error}")]
        return []

    def _restored(self, path: Path, item: import_warc.Restored) -> Imported:
        url = item.capture.url
        try:
            fresh = self.restorer.capture(item.capture, item.body, item.media_type)
        except ValueError as error:
            return Imported(str(path), url, None, None, None, f"not kept: {error}")
        return Imported(str(path), url, "new" if fresh else "unchanged", None, None, None)

    def _fetched(self, path: Path, page: import_warc.Fetched) -> Imported:
        url = canonical_url(page.url)
        if self._twice(url, page.fetched_at):
            return Imported(str(path), url, "duplicate", None, None, None)
        body = page.body
        if body is None:
            sha256 = self.digests.get(page.same_as or "")
            last = self.store.last_good(url) or self.store.last_good(url, "attachment")
            if sha256 is None and last is not None:
                sha256 = last.sha256
            if sha256 is None:
                problem = "not kept: a revisit of a page that is neither in this import nor in the archive"
                return Imported(str(path), url, None, None, None, problem)
            body = self.store.body(sha256)
        outcome, note = "ok", None
        if page.status is not None and page.body is not None:
            outcome, note = self.judge(page.status, body, page.url, page.headers)
        elif not body.strip():
            outcome, note = "failed", "an empty page"
        if outcome == "unchanged":  # a 304 that was kept as a response of its own
            body = b""
        kind = kind_of(url, page.media_type)
        notes = "; ".join(filter(None, (f"imported from {path.name}", note)))
        capture = self._capture(url, page.fetched_at, path)._replace(
            final_url=page.url, kind=kind, status=page.status, outcome=outcome, note=notes,
            headers=json.dumps(page.headers, ensure_ascii=False),
        )  # fmt: skip
        if outcome == "unchanged" and self.store.last_good(url, kind) is None:
            return Imported(
                str(path), url, None, None, None, "not kept: status 304 of a page that is not in the archive"
            )
        kept = self.store.save_capture(capture, body or None, page.media_type)
        if page.digest and kept.sha256:
            self.digests[page.digest] = kept.sha256
        if kept.kind != "report" or kept.outcome not in ("new", "changed"):
            return Imported(str(path), url, kept.outcome, None, None, None)
        return self._read(str(path), kept)

    def _twice(self, url: str, at: str) -> bool:
        known = (url, at) in self.seen
        self.seen.add((url, at))
        return known

    def _capture(self, url: str, at: str, path: Path) -> Capture:
        note = f"imported from {path.name}"
        return Capture("", self.crawl_id, None, url, None, at, "report", None, "ok", "[]", None, note)

    def _read(self, path: str, capture: Capture) -> Imported:
        report = self._parsed(capture)
        return Imported(path, capture.url, capture.outcome, report["kind"], report["title"], unreadable(report))

    def _submitted(self, capture: Capture) -> Future[dict[str, Any]]:
        if capture.sha256 is None:
            raise ValueError(f"capture {capture.id} is good and has no body")
        return self.pool.submit(self.store.body(capture.sha256), capture.url, self.store.media_type(capture.sha256))

    def _parsed(self, capture: Capture) -> dict[str, Any]:
        report = self._submitted(capture).result()
        self.store.save_report(capture, report)  # an unchanged capture was read before: nothing is written
        return report


def kind_of(url: str, media_type: str | None) -> str:
    """The kind of capture that a page of a web archive becomes.

    What makes up a page's looks (styles, scripts, fonts, pictures, films) is an attachment: kept, and not read.
    """
    if urlsplit(url).path == "/robots.txt":
        return "robots"
    furniture = media_type is not None and (
        media_type.startswith(("image/", "font/", "video/", "audio/"))
        or media_type in ("text/css", "text/javascript", "application/javascript", "application/x-javascript")
    )
    return "attachment" if furniture else "report"
