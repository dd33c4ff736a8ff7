"""`gongkai publish`: a copy of the archive to serve or hand on, made while a crawl may go on.

`VACUUM INTO` reads one moment of the archive and writes it compactly, as a file of its own without a -wal. It is made
under another name and renamed when it is complete and checked, so that whoever opens `OUT.db` has the old copy or the
new one. Beside it `OUT.inspect.json` tells Datasette (`--immutable`, `--inspect-file`) what it would have to count.
The copy is read-only; it never goes into `archive/`, since Datasette opens every database in there.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from datasette.cli import inspect_

from archive import connection
from archive.citing import edition
from archive.errors import ArchiveError, explained, explained_files
from archive.store import Store

FOLDER = Path(__file__).resolve().parent


class PublishError(Exception):
    """The copy cannot go there (exit code 2); `str(error)` says why."""


class Published(NamedTuple):
    """What was written; `bytes` is the copy's size, `bodies` whether it holds the pages' bytes."""

    copy: str
    inspect: str
    version: str
    bytes: int
    bodies: bool


def publish(store: Store, out: Path, *, bodies: bool = True) -> Published:
    """Write the archive to `out`, in the place of an earlier copy; without `bodies`, all but the pages' bytes.

    Needs the copy's size in free space, without bodies the archive's too for a while. Raises PublishError for a place
    that is not to be written, NotAnArchive where something else lies there, ArchiveError where the disk or the archive
    is in the way; an earlier copy then stays as it is.
    """
    target = out.resolve()
    if target == store.path.resolve():
        raise PublishError(f"{out} is the archive itself. Give the copy another name.")
    if FOLDER in target.parents:
        raise PublishError(
            f"{out} lies in {FOLDER.name}/, and Datasette opens every database in there. Choose another."
        )
    if not target.parent.is_dir():
        raise PublishError(f"There is no folder {target.parent} to put {target.name} in.")
    connection.inspect(target)
    part, rest = (target.with_name(f".{target.name}.{name}") for name in ("part", "full"))
    try:
        for left in (part, rest):
            left.unlink(missing_ok=True)
        with explained(store.path):
            version = edition(store.conn).version
            store.conn.execute("VACUUM INTO ?", (str(part),))
        if not bodies:
            part.rename(rest)
            _without_bodies(rest, part)
        _check(part)
        with explained_files(target):
            about = asyncio.run(inspect_([str(part)], ()))
            (facts,) = about.values()
            facts["file"] = target.name
            inspected = target.with_suffix(".inspect.json")
            fresh = target.with_name(f".{inspected.name}.part")
            fresh.write_text(json.dumps({target.stem: facts}, indent=1) + "\n", encoding="utf-8")
            part.chmod(0o444)
            _to_disk(part)
            part.rename(target)
            fresh.rename(inspected)
    finally:
        for left in (part, rest):
            left.unlink(missing_ok=True)
    return Published(str(out), str(out.with_suffix(".inspect.json")), version, target.stat().st_size, bodies)


def _without_bodies(full: Path, part: Path) -> None:
    with explained(full):
        conn = sqlite3.connect(full, isolation_level=None)
        try:
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF"):  # a copy of a copy
                conn.execute(f"PRAGMA {pragma}")
            conn.execute("DELETE FROM body")
            conn.execute("VACUUM INTO ?", (str(part),))
        finally:
            conn.close()


def _check(part: Path) -> None:
    with explained(part):
        conn = sqlite3.connect(f"{part.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            (said,) = conn.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            conn.close()
    if said != "ok":
        raise ArchiveError(f"the copy is damaged ({said}); the disk may be failing. Nothing was published")


def _to_disk(path: Path) -> None:
    for name in (path, path.parent):
        descriptor = os.open(name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
