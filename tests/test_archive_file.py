"""The archive's file: one writer, what lies in its place, damage to it, copies of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_samples import begin, fetched, keep, page
from conftest import ROOT

from archive import canonical, schema
from archive.store import ArchiveBusy, ArchiveError, NewerArchive, NotAnArchive, Store

URL = "http://www.qj.example/art/1.html"
REPORT = {
    "title": "衢江区民政局2020年政府信息公开工作年度报告",
    "year": 2020,
    "figures": {"applications_received": "3", "complaints_total": " "},
    "metadata": {"agency": "区民政局", "publisher": "区民政局"},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "a.db", create=True) as opened:
        yield opened


def rows(store: Store, query: str, *values: object) -> list[tuple[object, ...]]:
    return store.conn.execute(query, values).fetchall()


def test_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    program = "import sys; from pathlib import Path; from archive.store import Store; Store.open(Path(sys.argv[1]))"
    with Store.open(path, create=True):
        other = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        assert other.returncode == 1
        assert f"being written by another run (process {os.getpid()})" in other.stderr
        with pytest.raises(ArchiveBusy):
            Store.open(path)
        Store.open(path, write=False).close()
    Store.open(path).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.db", "a.db.lock"]


def picture(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else None) for p in folder.rglob("*")}


@pytest.mark.parametrize("kind", ["text", "empty", "sqlite", "folder", "newer", "short"])
def test_what_is_no_archive_is_left_untouched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.db"
    expected: type[ArchiveError] = NotAnArchive
    if kind == "folder":
        path.mkdir()
    elif kind == "sqlite":
        conn = sqlite3.connect(path)
        conn.execute("CREATE TABLE report (id)")
        conn.close()
    elif kind == "newer":
        Store.open(path, create=True).close()
        (tmp_path / "a.db.lock").unlink()
        conn = sqlite3.connect(path)
        conn.execute("PRAGMA journal_mode = DELETE")
        conn.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        conn.close()
        expected = NewerArchive
    else:
        path.write_bytes({"text": b"once upon a time\n" * 99, "empty": b"", "short": b"SQLite format 3\x00"}[kind])
    before = picture(tmp_path)
    for write in (True, False):
        with pytest.raises(expected, match=r"untouched|folder"):
            Store.open(path, write=write, create=write)
    assert picture(tmp_path) == before


def test_a_newer_version_is_seen_in_the_wal_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Store.open(path, create=True).close()
    newer = sqlite3.connect(path)
    try:
        newer.execute("PRAGMA wal_autocheckpoint = 0")
        newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        assert Path(f"{path}-wal").stat().st_size > 0 and path.read_bytes()[63] == schema.VERSION
        for write in (True, False):
            with pytest.raises(NewerArchive):
                Store.open(path, write=write)
    finally:
        newer.close()


def test_an_error_amid_reading_is_not_hidden_by_closing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Store.open(tmp_path / "a.db", create=True) as store:
        begin(store)
        unfinished = store.conn.execute("SELECT * FROM indicator")
        unfinished.fetchone()
        raise KeyboardInterrupt
    del unfinished
    with Store.open(tmp_path / "a.db") as store:
        assert rows(store, "SELECT count(*) FROM crawl") == [(1,)]


def test_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="gongkai demo"):
        Store.open(tmp_path / "a.db")
    with pytest.raises(ArchiveError, match="no folder"):
        Store.open(tmp_path / "no" / "a.db", create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_creation_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.db.new").write_bytes(b"half")
    Store.open(tmp_path / "a.db", create=True).close()
    assert not (tmp_path / "a.db.new").exists()


def test_changes_of_a_missing_archive_are_not_mixed_into_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "a.db-wal").write_bytes(b"changes")
    with pytest.raises(ArchiveError, match="move that file away"):
        Store.open(tmp_path / "a.db", create=True)
    assert not (tmp_path / "a.db").exists()


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.db.lock").mkdir()
    with pytest.raises(ArchiveError, match="directory"):
        Store.open(tmp_path / "a.db", create=True)


def test_a_full_disk_is_a_sentence_and_loses_nothing(store: Store) -> None:
    crawl = begin(store)
    kept = store.save_capture(fetched(crawl, URL, 1), b"kept", None)
    pages = rows(store, "PRAGMA page_count")[0][0]
    store.conn.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ArchiveError, match="disk is full"):
        store.save_capture(fetched(crawl, URL, 2), os.urandom(200_000), None)
    assert store.history(URL) == [kept]
    store.conn.execute("PRAGMA max_page_count = 1000000")
    store.save_capture(fetched(crawl, URL, 2), os.urandom(200_000), None)
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]


def flip(path: Path, needle: bytes) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(needle) + len(needle) // 2
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["data", "identity", "header"])
def test_one_flipped_byte_is_found_and_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.db"
    incompressible = os.urandom(300)
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        whole = keep(store, crawl, URL + "?whole", 1, page(**REPORT))
        body = incompressible if what == "identity" else page(**REPORT | {"text": "公开" * 200})
        headers = '[["Server", "a server by that name"]]'
        hurt = store.save_capture(fetched(crawl, URL, 1, headers=headers), body, None)
        clean = store.verify()
        assert (clean.checked, clean.damaged) == (2, [])
        data = rows(store, "SELECT data FROM body WHERE sha256 = ?", hurt.sha256)[0][0]
    needle = b"a server by that name" if what == "header" else bytes(data)  # type: ignore[call-overload]
    flip(path, needle)
    with Store.open(path) as store:
        found = store.verify()
        assert found.checked == 2
        (damage,) = found.damaged
        assert [c.id for c in damage.captures] == [hurt.id]
        latest = "SELECT ok FROM fixity WHERE sha256 = ? ORDER BY checked_at DESC, ok LIMIT 1"
        assert rows(store, latest, whole.sha256) == [(1,)]
        if what == "header":
            assert hurt.id in damage.problem
            return
        assert damage.sha256 == hurt.sha256
        assert rows(store, latest, hurt.sha256) == [(0,)]
        with pytest.raises(ArchiveError, match=str(hurt.sha256)):
            store.body(str(hurt.sha256))


def test_a_sample_takes_the_bodies_not_checked_for_longest(store: Store) -> None:
    crawl = begin(store)
    for number in range(5):
        store.save_capture(fetched(crawl, f"{URL}?{number}", 1), f"body {number}".encode(), None)
    assert [store.verify(sample=2).checked for _ in range(2)] == [2, 2]
    assert rows(store, "SELECT count(DISTINCT sha256) FROM fixity") == [(4,)]


def test_a_copy_of_the_files_taken_at_any_moment_is_a_valid_archive(store: Store, tmp_path: Path) -> None:
    crawl = begin(store)
    for day in range(1, 6):
        last = keep(store, crawl, URL, day, page(**REPORT | {"year": 2000 + day}))
        folder = tmp_path / f"copy{day}"
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{store.path}{suffix}", folder / f"a.db{suffix}")
        with Store.open(folder / "a.db") as copy:
            assert copy.history(URL)[-1] == last
            assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
            assert list(canonical.derived(copy.conn)) == list(canonical.derived(store.conn))
