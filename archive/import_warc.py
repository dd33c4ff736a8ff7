"""WARC and ARC files, record by record: what gongkai wrote, to be put back; what others wrote, to be taken in.

Gongkai's own records are told by the `metadata` record that follows each (`archive.export_warc`). Of other people's,
`response` and `resource` records are pages; a `revisit` is one whose body an earlier record or the archive has.
Requests and other records are passed over. Traps: a body may be chunked and compressed, and a bomb; the time may have
fractions of a second; a file may end in the middle, and what came before is good.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from archive import bodies
from archive.derive import Capture
from archive.export_warc import EXTRA

_DAMAGE = (ArchiveLoadFailed, EOFError, zlib.error, ValueError, OSError)  # ValueError: JSON and text cut short


class Restored(NamedTuple):
    """A capture of another gongkai archive; `body` only with the first capture that has it."""

    capture: Capture
    body: bytes | None
    media_type: str | None


class Log(NamedTuple):
    """Rows of a table of evidence."""

    table: str
    rows: list[list[Any]]


class Fetched(NamedTuple):
    """A page as another crawler kept it. `body` is None for a revisit, whose bytes are those of `same_as`.

    `same_as` is the payload digest that the revisit names, `digest` that of a record with a body, as written.
    """

    url: str
    fetched_at: str
    status: int | None
    headers: list[tuple[str, str]]
    media_type: str | None
    body: bytes | None
    digest: str | None
    same_as: str | None


class Unreadable(NamedTuple):
    """A record, or the rest of a file, that could not be read, and why."""

    url: str | None
    problem: str


Item = Restored | Log | Fetched | Unreadable


def is_warc(path: Path) -> bool:
    """Whether a file is a WARC or ARC, by its first bytes; a compressed one also needs the name."""
    with path.open("rb") as file:
        start = file.read(12)
    if start.startswith((b"WARC/", b"filedesc://")):
        return True
    return start.startswith(b"\x1f\x8b") and path.name.lower().endswith((".warc.gz", ".arc.gz"))


def read(path: Path) -> Iterator[Item]:
    """The items of one file in its order; the last is an Unreadable where the file is damaged or cut short."""
    pending: Fetched | Unreadable | None = None
    pending_id: str | None = None
    count = last = given = 0
    try:
        with path.open("rb") as file:
            records = ArchiveIterator(file, arc2warc=True)
            for record in _each(records):
                count += 1
                extra = _extra(record)
                page = _page(record) if extra is None else None
                given += extra is not None or page is not None
                last = records.get_record_offset()  # reads the rest of the record
                if extra is None:
                    if pending is not None:
                        yield pending
                    pending, pending_id = page, record.rec_headers.get_header("WARC-Record-ID")
                    continue
                if pending is not None and record.rec_headers.get_header("WARC-Refers-To") != pending_id:
                    yield pending
                    pending = None
                yield _own(extra, pending)
                pending = None
            if not _complete(path, last):
                raise EOFError("it ends in the middle of a record")
    except _DAMAGE as error:
        if pending is not None:
            yield pending
        yield Unreadable(None, f"damaged or cut short after {count} records ({error}); those were kept")
        return
    if pending is not None:
        yield pending
    if not given:
        yield Unreadable(
            None, f"no page in it: {count} records, and none is of a page" if count else "no WARC records in it"
        )


def _each(records: ArchiveIterator) -> Iterator[Any]:
    """The records; EOFError where warcio stumbles over one whose headers were cut before its address."""
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except AttributeError as error:
            raise EOFError("a record without its address") from error
        yield record


def _complete(path: Path, last: int) -> bool:
    """Whether a file that was read to its end, its last record at `last`, has one: warcio takes a cut gzip member or
    a short block for the last."""
    with path.open("rb") as file:
        start = file.read(5)
        if start.startswith(b"\x1f\x8b"):
            file.seek(last)
            member = zlib.decompressobj(31)
            while part := file.read(1 << 20):
                while part:
                    if member.eof:
                        member = zlib.decompressobj(31)
                    member.decompress(part)
                    part = member.unused_data
            return member.eof
        if start != b"WARC/":
            return True
        file.seek(-4, os.SEEK_END)
        return file.read() == b"\r\n\r\n"


def _extra(record: Any) -> dict[str, Any] | None:
    if record.rec_type != "metadata" or record.rec_headers.get_header("Content-Type") != EXTRA:
        return None
    found = json.loads(record.content_stream().read().decode())
    return found if isinstance(found, dict) else None


def _own(extra: dict[str, Any], record: Fetched | Unreadable | None) -> Item:
    if "table" in extra:
        rows = extra.get("rows")
        if not isinstance(rows, list):
            return Unreadable(None, f"not kept: the rows of the table {extra['table']} are not in its record")
        return Log(str(extra["table"]), rows)
    if isinstance(record, Unreadable):
        return record
    missing = [name for name in Capture._fields if name not in extra]
    if missing:
        return Unreadable(extra.get("url"), f"its metadata record lacks {', '.join(missing)}")
    body = record.body if record is not None and extra["sha256"] is not None else None
    return Restored(Capture(*(extra[name] for name in Capture._fields)), body, extra.get("media_type"))


def _page(record: Any) -> Fetched | Unreadable | None:
    kind, head = record.rec_type, record.rec_headers
    url = head.get_header("WARC-Target-URI")
    if kind not in ("response", "resource", "revisit"):
        return None
    if not url:
        return Unreadable(None, f"not kept: a {kind} record without an address")
    url = url.strip("<>")
    if url.startswith(("dns:", "filedesc:", "whois:")):
        return None
    try:
        fetched_at = _time(head.get_header("WARC-Date"))
    except ValueError:
        return Unreadable(url, f"its WARC-Date is {head.get_header('WARC-Date')!r}")
    answer = record.http_headers
    status = int(answer.get_statuscode()) if answer is not None and answer.get_statuscode().isdigit() else None
    headers = [(str(name), str(value)) for name, value in answer.headers] if answer is not None else []
    said = answer.get_header("Content-Type") if answer is not None else head.get_header("Content-Type")
    media_type = said.partition(";")[0].strip().lower() or None if said else None
    digest = head.get_header("WARC-Payload-Digest")
    if kind == "revisit":
        return Fetched(url, fetched_at, status, headers, media_type, None, None, digest)
    body = _body(record.content_stream())
    if body is None:
        return Unreadable(url, f"not kept: over {bodies.LARGEST:,} bytes, and an archive takes no larger body")
    return Fetched(url, fetched_at, status, headers, media_type, body, digest, None)


def _body(stream: Any) -> bytes | None:
    parts, size = [], 0
    while part := stream.read(1 << 20):
        size += len(part)
        if size > bodies.LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)


def _time(text: str | None) -> str:
    if not text:
        raise ValueError("no date")
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
