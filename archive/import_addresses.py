"""A CSV that says where the files of a folder came from: `file,url` and, if known, `fetched_at`.

Such lists are made by hand, mostly in a spreadsheet: UTF-8 with or without a mark, or GB 18030 as Chinese Excel writes
it. `file` is a path from the CSV's own folder. A time without a zone is UTC.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

NAME = "addresses.csv"
"""The list that is used without being named, where it lies in an imported folder."""


class AddressError(Exception):
    """The list cannot be used; `str(error)` says which line and why (exit code 2)."""


class Address(NamedTuple):
    url: str
    fetched_at: str | None


def read(path: Path) -> Mapping[Path, Address]:
    """The addresses by the file's full path. Raises AddressError for a list that leaves anything open."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AddressError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise AddressError(f"{path}, line {line}: neither UTF-8 nor GB 18030.") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"file", "url"} <= set(rows.fieldnames or ()):
        raise AddressError(f"{path}: the first line must name the columns file and url (and fetched_at, if known).")
    found: dict[Path, Address] = {}
    seen: set[Address] = set()
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        name, url, time = ((row.get(column) or "").strip() for column in ("file", "url", "fetched_at"))
        if not name or not url:
            raise AddressError(f"{where}: no {'url' if name else 'file'}.")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AddressError(f"{where}: {url} is no http or https address.")
        file = (path.parent / PurePosixPath(name)).resolve()
        if file in found:
            raise AddressError(f"{where}: {name} was named before.")
        address = Address(url, _time(time, where) if time else None)
        if address in seen:
            raise AddressError(f"{where}: {url} was named before; two captures of it need two times in fetched_at.")
        found[file] = address
        seen.add(address)
    return found


def _time(text: str, where: str) -> str:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise AddressError(f"{where}: {text} is no time such as 2020-03-31T08:00:00Z or 2020-03-31.") from None
    return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
