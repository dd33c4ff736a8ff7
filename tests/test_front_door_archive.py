"""The front door with archives: the default, what is no archive, the lock, `status`, `verify`, `reparse`, `serve`."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_front_door_files import NOTICE, REPORT, query, run, write

import gongkai
from archive import door
from archive.store import Store

VERBS = ("status", "verify", "reparse", "serve")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with one report and one page that is none, made once; tests that write take a copy."""
    folder = tmp_path_factory.mktemp("made")
    write(folder, "a.html", REPORT.encode())
    write(folder, "b.html", NOTICE)
    done = run("import", folder, "--db", folder / "gongkai.db")
    assert done.exit_code == 0, done.output
    return folder / "gongkai.db"


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    return write(tmp_path, "gongkai.db", made.read_bytes())


@pytest.mark.parametrize("verb", VERBS)
def test_without_an_archive_it_says_how_to_get_one(verb: str, tmp_path: Path) -> None:
    done = run(verb, "--db", tmp_path / "none.db")
    assert done.exit_code == 5 and "gongkai demo" in done.stderr and "gongkai crawl" in done.stderr
    assert list(tmp_path.iterdir()) == []


def fingerprint(path: Path) -> tuple[int, int, int, bytes]:
    """Everything of a file that writing changes; reading changes its time of access only."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, path.read_bytes() if path.is_file() else b""


@pytest.mark.parametrize("verb", [*VERBS, "crawl", "demo", "import"])
@pytest.mark.parametrize("kind", ["text", "sqlite", "folder"])
def test_what_is_no_archive_is_left_untouched(verb: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "thing"
    if kind == "text":
        path.write_text("my diary\n" * 50)
    elif kind == "sqlite":
        conn = sqlite3.connect(path)
        conn.execute("create table mine (x)")
        conn.close()
    else:
        path.mkdir()
    page = write(tmp_path, "page.html", NOTICE)
    before = fingerprint(path)
    done = run(verb, *([page] if verb == "import" else []), "--db", path)
    assert done.exit_code == 5 and "not a" in done.stderr and str(path) in done.stderr, done.output
    assert fingerprint(path) == before
    assert {item.name for item in tmp_path.iterdir()} <= {"thing", "page.html", "thing.lock"}


@pytest.mark.parametrize("verb", ["verify", "reparse", "crawl", "import"])
def test_a_second_writer_is_told_and_exits_4(verb: str, db: Path) -> None:
    portal = b'[here]\nname = "x"\nregion = "330803"\nfamily = "hanweb-jcms"\nurl = "http://127.0.0.1:9/col/col1/index.html"\n'
    more: dict[str, list[str | Path]] = {
        "import": [db.parent],
        "crawl": ["here", "--portals", write(db.parent, "here.toml", portal)],
    }
    with Store.open(db):
        done = run(verb, *more.get(verb, []), "--db", db)
    assert done.exit_code == 4 and str(db) in done.stderr


def test_the_default_archive_is_named_by_the_environment(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONGKAI_DB", str(db))
    assert json.loads(run("status", "--json").stdout)["archive"]["reports"] == 1
    monkeypatch.delenv("GONGKAI_DB")
    assert door.default_db() == str(gongkai.ROOT / "archive" / "gongkai.db")


def test_status_shows_the_archive(db: Path) -> None:
    done = run("status", "--db", db)
    assert done.exit_code == 0 and re.search(r"reports 1\b", done.stdout)


def test_verify_passes_and_names_a_flipped_byte(db: Path) -> None:
    done = run("verify", "--db", db)
    assert done.exit_code == 0 and query(db, "select count(*), min(ok) from fixity") == [(2, 1)]
    assert run("verify", "--sample", "1", "--db", db).exit_code == 0
    conn = sqlite3.connect(db)
    ((sha256, url, data),) = conn.execute(
        "select sha256, url, data from body join capture using (sha256) join report using (url)"
    ).fetchall()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    conn.execute("update body set data = ? where sha256 = ?", (bytes(flipped), sha256))
    conn.commit()
    conn.close()
    done = run("verify", "--db", db)
    assert done.exit_code == 1 and sha256 in done.output and url in done.output
    assert sha256 in run("verify", "--db", db, "--json").stdout


def test_reparse_keeps_the_derived_tables(db: Path) -> None:
    tables = ("report", "figure", "finding", "reading", "section", "agency")
    before = [set(query(db, f"select * from {table}")) for table in tables]
    assert before[1]
    done = run("reparse", "--db", db)
    assert done.exit_code == 0, done.output
    assert [set(query(db, f"select * from {table}")) for table in tables] == before


def test_portals_are_listed_and_a_malformed_file_is_named_with_its_line(tmp_path: Path) -> None:
    done = run("portals", "list", "--json")
    assert done.exit_code == 0 and "quzhou-qujiang" in {portal["key"] for portal in json.loads(done.stdout)["portals"]}
    assert "衢州市衢江区人民政府" in run("portals", "list").stdout
    bad = write(tmp_path, "mine.toml", b'[mine]\nname = "x"\nregion = 330803"\n')
    for verb in (["portals", "list"], ["crawl", "--db", str(tmp_path / "x.db")]):
        done = run(*verb, "--portals", bad)
        assert done.exit_code == 2 and f"{bad}, line 3" in done.stderr
    assert not (tmp_path / "x.db").exists()


def test_an_unknown_portal_key_is_answered_with_near_ones(tmp_path: Path) -> None:
    done = run("crawl", "quzhou-qujang", "--db", tmp_path / "x.db")
    assert done.exit_code == 2 and "quzhou-qujang" in done.stderr and "quzhou-qujiang" in done.stderr


def test_a_real_host_is_not_asked_without_a_contact(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = front_door("crawl", "quzhou-qujiang", "--db", str(tmp_path / "x.db"), env=environment)
    assert done.returncode == 2 and "GONGKAI_CONTACT" in done.stderr and "Traceback" not in done.stderr


def front_door(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(gongkai.ROOT / "gongkai.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)


@pytest.mark.parametrize("arguments", [["--help"], ["portals", "list"], ["crawl", "--help"]])
def test_it_runs_as_a_script_from_any_folder(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(gongkai.ROOT / "gongkai.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0 and done.stderr == ""


@pytest.fixture
def served(db: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, str(gongkai.ROOT / "gongkai.py"), "serve", "--port", "0", "--db", str(db)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert address, (line, process.stderr.read() if process.stderr and process.poll() is not None else "")
        yield address.group(), process
    finally:
        process.kill()
        process.communicate()


def test_serve_opens_the_desk_and_ends_with_a_signal(served: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = served
    with urllib.request.urlopen(f"{address}gongkai/report.json?_shape=array", timeout=20) as response:
        (report,) = json.load(response)
    assert report["year"] == 2020
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and "Traceback" not in errors


def test_serve_says_that_a_port_is_taken(served: tuple[str, subprocess.Popen[str]], db: Path) -> None:
    port = served[0].rstrip("/").rpartition(":")[2]
    done: Result = CliRunner().invoke(gongkai.main, ["serve", "--port", port, "--db", str(db)])
    assert done.exit_code == 2 and port in done.stderr and "--port" in done.stderr
