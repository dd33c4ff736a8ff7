"""Files from elsewhere into the archive: pages that somebody saved, and text that somebody else extracted.

A page comes without its address, so its URL is `urn:sha256:<hex>` of its own bytes; the file's name stands in the
capture's note and is evidence of nothing. Bytes of any kind are kept before anyone tries to read them: what no reader
understands today (PDF, Word, pictures) is read by a later `gongkai reparse`. A suffix lies more often than the first
bytes do, hence the bytes are asked first.
"""

from __future__ import annotations

import mimetypes
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from archive import bodies
from archive.ids import capture_id
from archive.parsing import ParserPool
from archive.store import Capture, Store

_NAMES = {
    "application/pdf": "a PDF",
    "application/x-ole-storage": "a Word file",
    "application/zip": "a Word or zip file",
}
_SUFFIXES = {".shtml": "text/html", ".xhtml": "text/html", ".md": "text/plain"}  # beside Python's own list


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
    """The files of `paths`, folders walked, in the order of their names; hidden files are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            if found.is_file() and not any(part.startswith(".") for part in found.relative_to(path).parts):
                yield found


def _of_archive(path: Path, archive: Path) -> bool:
    """Whether a file is the archive itself, or one that SQLite or the lock keeps beside it."""
    own = archive.resolve()
    return path.resolve().parent == own.parent and path.name in {
        own.name + end for end in ("", "-wal", "-shm", ".lock")
    }


def import_paths(store: Store, paths: Sequence[Path], version: str, progress: Progress) -> list[Imported]:
    """Keep each file of `paths` as a capture of one new crawl, then read it; one result a file, in order.

    First what a killed run had kept and not come to read is read. The archive's own files are passed over. The same
    bytes twice in one import give one capture. A file that the disk does not give up is a result with a problem; the
    archive's own trouble is raised, and leaves what was imported so far.
    """
    found = [path for path in files(paths) if not _of_archive(path, store.path)]
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
    url = f"urn:sha256:{bodies.digest(body)}"
    if url in urls:
        return Imported(str(path), url, "duplicate", None, None, None)
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
    capture = store.save_capture(fetched, body, media_type(path.name))
    report = _read(store, pool, capture)
    return Imported(str(path), url, capture.outcome, report["kind"], report["title"], unreadable(report))


def _read(store: Store, pool: ParserPool, capture: Capture) -> dict[str, Any]:
    if capture.sha256 is None:
        raise ValueError(f"capture {capture.id} is good and has no body")
    report = pool.submit(store.body(capture.sha256), capture.url, store.media_type(capture.sha256)).result()
    store.save_report(capture, report)  # an unchanged capture was read before: nothing is written
    return report
