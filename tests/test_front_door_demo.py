"""`gongkai demo`, for real: replica processes, Scrapy over HTTP, the archive; with a shortened delay on loopback."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from test_front_door_files import NOTICE, query, run, write

import gongkai
from archive.store import Store
from crawler.replica import demo as planted

REAL = "agency_name = '衢州市衢江区民政局' and year = 2020 and indicator = 'proactive_items_disclosed'"


def demo(db: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; where another demo on this machine holds the fixed ports, again when they are free."""
    command = [sys.executable, str(gongkai.ROOT / "gongkai.py"), "demo", "--db", str(db), *arguments]
    environment = os.environ | {"GONGKAI_LOOPBACK_DELAY": "0.01"}
    until = time.monotonic() + 120
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        if "is taken" not in done.stderr or time.monotonic() > until:
            return done
        time.sleep(1)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    db = tmp_path_factory.mktemp("demo") / "gongkai.db"
    done = demo(db)
    assert done.returncode == 0, done.stderr
    return db, done.stdout


def test_the_demo_says_what_was_archived_and_how_to_look_at_it(shown: tuple[Path, str]) -> None:
    db, text = shown
    for name in ("portals", "reports", "figures", "checks", "captures"):
        assert re.search(rf"^ +{name} +\S", text, re.MULTILINE), name
    assert re.search(r"checks +pass \d+, fail \d+, not assessable \d+", text)
    assert "blocked 1" in text and "gone 1" in text and f"gongkai serve --db {db}" in text


@contextmanager
def usual_port_taken() -> Iterator[None]:
    """Port 8001 listened on, by us where nobody else does."""
    try:
        listener = socket.create_server(("127.0.0.1", 8001))
    except OSError:
        yield
        return
    with listener:
        yield


def test_serve_opens_the_desk_when_the_crawl_is_done(shown: tuple[Path, str], tmp_path: Path) -> None:
    db = write(tmp_path, "served.db", shown[0].read_bytes())
    command = [sys.executable, str(gongkai.ROOT / "gongkai.py"), "demo", "--db", str(db), "--serve"]
    environment = os.environ | {"GONGKAI_LOOPBACK_DELAY": "0.01"}
    until = time.monotonic() + 120
    said = ""
    with usual_port_taken():
        while not said:
            with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment) as server:
                assert server.stdout is not None and server.stderr is not None
                said = next((line for line in server.stdout if "is open at" in line), "")
                if not said:
                    why = server.stderr.read()
                    assert "is taken" in why and time.monotonic() < until, why
                    continue
                (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", said)
                assert not address.endswith(":8001/")
                page = httpx.get(address + "gongkai/report.json?_shape=array&_size=1", timeout=20)
                assert len(page.json()) == 1
                server.send_signal(signal.SIGINT)
                assert server.wait(timeout=20) == 0


def test_the_readmes_query_gives_the_real_reports_figures(shown: tuple[Path, str]) -> None:
    readme = (gongkai.ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r'^ {4}\.venv/bin/(sqlite-utils .*?")$', readme, re.MULTILINE | re.DOTALL)
    assert REAL in command
    words = shlex.split(command.replace("archive/gongkai.db", str(shown[0])))
    program = Path(sys.executable).parent / words[0]
    done = subprocess.run([str(program), *words[1:]], capture_output=True, text=True, timeout=60, check=True)
    assert re.findall(r"(quarter|year_total) +(\d+)", done.stdout) == [("quarter", "21"), ("year_total", "163")]


def test_a_second_demo_finds_the_same(shown: tuple[Path, str], tmp_path: Path) -> None:
    db = write(tmp_path, "again.db", shown[0].read_bytes())
    tables = ("report", "figure", "section", "claim", "agency", "body")
    before = [query(db, f"select * from {table}") for table in tables]
    done = demo(db, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["differences"] == [] and result["crawl"]["decisions"]["fresh"] > 30
    assert [query(db, f"select * from {table}") for table in tables] == before


def test_an_archive_that_lacks_what_was_planted_is_told_apart(shown: tuple[Path, str], tmp_path: Path) -> None:
    db = write(tmp_path, "less.db", shown[0].read_bytes())
    with Store.open(db) as store:
        assert planted.differences(store) == []
        (url,) = store.conn.execute("select url from capture where outcome = 'gone' and kind = 'report'").fetchone()
        store.conn.execute("update capture set outcome = 'failed' where url = ?", (url,))
        assert len(planted.differences(store)) == 1 and "outcomes" in planted.differences(store)[0]
        (report,) = store.conn.execute("select id from report limit 1").fetchone()
        with store.transaction():
            store.conn.execute("pragma defer_foreign_keys = on")
            tables = store.conn.execute(
                "select m.name from sqlite_master as m, pragma_table_info(m.name) as c"
                " where m.type = 'table' and c.name = 'report_id'"
            ).fetchall()
            for (table,) in tables:
                store.conn.execute(f"delete from {table} where report_id = ?", (report,))
            store.conn.execute("delete from report where id = ?", (report,))
        assert {text.split(": ")[1] for text in planted.differences(store)} == {"outcomes", "reports"}


def test_the_demo_does_not_touch_an_archive_of_others(tmp_path: Path) -> None:
    page, db = write(tmp_path, "page.html", NOTICE), tmp_path / "mine.db"
    assert run("import", page, "--db", db).exit_code == 0
    before = db.read_bytes()
    done = run("demo", "--db", db)
    assert done.exit_code == 2 and "1 captures that the demo did not make" in done.stderr and "--db" in done.stderr
    assert db.read_bytes() == before


def test_no_replica_is_left_listening(shown: tuple[Path, str]) -> None:
    conn = sqlite3.connect(shown[0])
    (url,) = conn.execute("select url from portal").fetchone()
    conn.close()
    done = subprocess.run(
        [sys.executable, "-c", f"import urllib.request; urllib.request.urlopen({url!r}, timeout=5)"],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode != 0 and "Connection refused" in done.stderr
