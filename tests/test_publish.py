"""`gongkai publish`: a consistent copy while a crawl goes on, compact, read-only, never inside `archive/`."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import exported
import pytest
from archive_samples import fetched, keep, page
from click.testing import CliRunner, Result

import archive
import gongkai
from archive import canonical, publishing
from archive.citing import edition
from archive.store import ArchiveError, Store


def run(*arguments: object) -> Result:
    return CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])


@pytest.fixture
def db(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return exported.made(tmp_path / "work" / "gongkai.db")


def test_the_copy_is_the_archive_and_datasette_need_not_count(db: Path, tmp_path: Path) -> None:
    out = tmp_path / "gongkai.db"
    done = run("publish", out, "--db", db, "--json")
    assert done.exit_code == 0, done.output
    with Store.open(db, write=False) as store, Store.open(out, write=False) as copy:
        assert list(canonical.dump(store.conn)) == list(canonical.dump(copy.conn))
        assert json.loads(done.stdout)["version"] == edition(copy.conn).version == edition(store.conn).version
        tables = {
            name: copy.conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in copy.conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert stat.S_IMODE(out.stat().st_mode) == 0o444
    inspected = json.loads((tmp_path / "gongkai.inspect.json").read_text())["gongkai"]
    assert {name: table["count"] for name, table in inspected["tables"].items()} == tables
    assert inspected["size"] == out.stat().st_size and inspected["file"] == "gongkai.db"
    served = subprocess.run(
        [sys.executable, "-m", "datasette", "--immutable", out, "--inspect-file", tmp_path / "gongkai.inspect.json",
         "--get", "/gongkai/report.json?_shape=array"], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert len(json.loads(served.stdout)) == tables["report"], served.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gongkai.db", "gongkai.inspect.json", "work"]


def test_while_another_process_writes_the_copy_is_of_one_moment(db: Path, tmp_path: Path) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        with Store.open(db) as store:
            crawl = store.begin_crawl("going on", "test", "2026-03-01T00:00:00Z")
            number = 0
            while not stop.is_set():
                number += 1
                url = f"http://www.qj.example/more/{number}.html"
                keep(store, crawl, url, 20, page(title="年报", figures={"applications_received": "1"}))
                written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for round_ in range(5):
            before = len(written)
            done = run("publish", tmp_path / "copy.db", "--db", db)
            assert done.exit_code == 0, done.output
            with Store.open(tmp_path / "copy.db", write=False) as copy:
                assert copy.conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
                assert copy.conn.execute("PRAGMA foreign_key_check").fetchall() == []
                more = copy.conn.execute("SELECT count(*) FROM capture WHERE url LIKE '%/more/%'").fetchone()[0]
                assert before <= more <= len(written) + 1, round_
                # a capture is committed before its reading: at most the last one is still unread
                assert len(list(copy.unread())) <= 1
    finally:
        stop.set()
        writer.join(30)
    assert len(written) > 5, "nothing was written meanwhile"


def test_a_copy_is_compact(db: Path, tmp_path: Path) -> None:
    with Store.open(db) as store:
        store.conn.execute("CREATE TABLE waste (data BLOB)")
        store.conn.execute("INSERT INTO waste VALUES (randomblob(1000000))")
        store.conn.execute("DROP TABLE waste")
    assert run("publish", tmp_path / "copy.db", "--db", db).exit_code == 0
    assert (tmp_path / "copy.db").stat().st_size < db.stat().st_size - 900_000


def test_without_bodies_the_pages_bytes_are_left_out_and_nothing_else(db: Path, tmp_path: Path) -> None:
    big = os.urandom(300_000)
    with Store.open(db) as store:
        crawl = store.begin_crawl("more", "test", "2026-03-01T00:00:00Z")
        store.save_capture(fetched(crawl, "http://www.qj.example/big.html", 20), big, "text/html")
    for name, options in (("full.db", []), ("small.db", ["--without-bodies"])):
        assert run("publish", tmp_path / name, *options, "--db", db).exit_code == 0
    assert (tmp_path / "small.db").stat().st_size < (tmp_path / "full.db").stat().st_size - 290_000
    with Store.open(tmp_path / "full.db", write=False) as full, Store.open(tmp_path / "small.db", write=False) as small:
        there = [line for line in canonical.dump(full.conn) if not line.startswith("body ")]
        assert list(canonical.dump(small.conn)) == there
        assert edition(small.conn) == edition(full.conn)


def test_what_needs_bodies_says_that_a_copy_has_none(db: Path, tmp_path: Path) -> None:
    copy, url = tmp_path / "small.db", exported.URL.format(2)
    assert run("publish", copy, "--without-bodies", "--db", db).exit_code == 0
    before = copy.read_bytes()
    other = tmp_path / "other.db"  # in one process a statement of an earlier verb may still hold the first
    other.write_bytes(before)
    for arguments in (
        ("export", "--to", tmp_path / "out", "--format", "warc", "--db", copy),
        ("diff", url, "--db", copy),
        ("merge", copy, "--into", tmp_path / "all.db"),
        ("reparse", "--db", other),
    ):
        done = run(*arguments)
        assert done.exit_code == 5 and "published without bodies" in done.stderr, (arguments, done.output)
        assert copy.read_bytes() == before
    assert run("status", "--db", copy).exit_code == 0
    assert run("export", "--to", tmp_path / "tables", "--format", "csv", "--db", copy).exit_code == 0
    assert run("verify", "--db", other).exit_code == 1


def test_an_earlier_copy_is_replaced_and_stays_where_that_fails(db: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.db"
    assert run("publish", out, "--db", db).exit_code == 0
    with Store.open(db) as store:
        store.begin_crawl("another", "test", "2026-03-01T00:00:00Z")
    former = out.read_bytes()
    reader = sqlite3.connect(f"{out.as_uri()}?mode=ro&immutable=1", uri=True)
    assert run("publish", out, "--db", db).exit_code == 0
    assert reader.execute("SELECT count(*) FROM crawl").fetchone()[0] == 2, "an open reader keeps the old copy"
    reader.close()
    assert out.read_bytes() != former
    now = out.read_bytes()
    damaged = tmp_path / "damaged.db"
    raw = bytearray(db.read_bytes())
    raw[4096 * 3 : 4096 * 9] = os.urandom(4096 * 6)
    damaged.write_bytes(raw)
    assert run("publish", out, "--db", damaged).exit_code == 5
    assert out.read_bytes() == now
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_places_that_are_not_to_be_written(db: Path, tmp_path: Path) -> None:
    folder = Path(archive.__file__).parent
    for out in (folder / "copy.db", folder / "plugins" / "copy.db", db, tmp_path / "none" / "copy.db"):
        done = run("publish", out, "--db", db)
        assert done.exit_code == 2, done.output
    assert not (folder / "copy.db").exists() and not (folder / "plugins" / "copy.db").exists()
    diary = tmp_path / "diary.db"
    diary.write_text("mine\n" * 100)
    done = run("publish", diary, "--db", db)
    assert done.exit_code == 5 and diary.read_text() == "mine\n" * 100
    assert run("publish", tmp_path / "copy.db", "--db", tmp_path / "none.db").exit_code == 5


def test_a_copy_that_a_failing_disk_damaged_is_not_published(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.db"
    check = publishing._check

    def failing(part: Path) -> None:
        raw = bytearray(part.read_bytes())
        middle = len(raw) // 2 // 4096 * 4096
        raw[middle : middle + 4096] = bytes(4096)
        part.write_bytes(raw)
        check(part)

    monkeypatch.setattr(publishing, "_check", failing)
    with Store.open(db, write=False) as store, pytest.raises(ArchiveError, match="the copy is damaged"):
        publishing.publish(store, out)
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == []
