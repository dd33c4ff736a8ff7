"""Evidence out as WARC and in again: the same rows, and a web archive that other tools read and replay."""

from __future__ import annotations

import gzip
import json
import os
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import exported
import pytest
from click.testing import CliRunner, Result
from conftest import Crawls
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

import gongkai
from archive import canonical, export_warc
from archive.citing import edition
from archive.importing import import_paths
from archive.store import Store

ROOT = Path(gongkai.__file__).parent
PYWB = Path(os.environ.get("GONGKAI_PYWB", ROOT / ".venv" / "pywb" / "bin"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])


def evidence(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of evidence, bodies decompressed, but for the crawls of imports, which are their own."""
    with Store.open(path, write=False) as store:
        own = "(SELECT id FROM crawl WHERE arguments LIKE 'import %')"
        queries = {
            name: f"SELECT * FROM {name} WHERE {'id' if name == 'crawl' else 'crawl_id'} NOT IN {own}"
            for name in ("crawl", "capture", "visit", "entry")
        }
        queries |= {"portal": "SELECT * FROM portal", "fixity": "SELECT * FROM fixity"}
        queries["noticed"] = "SELECT * FROM finding WHERE crawl_id IS NOT NULL"
        rows = {name: sorted(store.conn.execute(query).fetchall(), key=repr) for name, query in queries.items()}
        named = store.conn.execute("SELECT sha256, size, media_type FROM body ORDER BY sha256").fetchall()
        rows["body"] = [(*row, store.body(row[0])) for row in named]
        return rows


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported.made(tmp_path_factory.mktemp("archive") / "gongkai.db")


@pytest.fixture(scope="module")
def warc(db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warc") / "out"
    done = run("export", "--to", folder, "--format", "warc", "--db", db)
    assert done.exit_code == 0, done.output
    return folder


def back(store: Store, *paths: Path) -> None:
    import_paths(store, list(paths), "test", lambda *_: None, lambda *_: ("ok", None))


def test_out_and_in_again_is_the_same_evidence(db: Path, warc: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "again.db", create=True) as store:
        back(store, *sorted(warc.glob("*.warc.gz")))
        version = edition(store.conn).version
    before, after = evidence(db), evidence(tmp_path / "again.db")
    for name, rows in before.items():
        assert rows, f"nothing to compare in {name}"
        assert after[name] == rows, name
    with Store.open(db, write=False) as store:
        assert edition(store.conn).version.partition(".")[0] == version.partition(".")[0]


def test_in_again_a_second_time_changes_nothing(warc: Path, tmp_path: Path) -> None:
    paths = sorted(warc.glob("*.warc.gz"))
    with Store.open(tmp_path / "again.db", create=True) as store:
        back(store, *paths)
        once = list(canonical.dump(store.conn))
        back(store, *paths)
        assert list(canonical.dump(store.conn)) == once


def test_a_real_crawl_survives_the_journey(small: Crawls, tmp_path: Path) -> None:
    for arguments in ((), ("--revisit",)):
        crawled = small.run(*arguments)
        assert crawled.returncode in (0, 1), crawled.stderr  # 1: the replica has a page behind a challenge
    db = small.db
    assert set(small.outcomes()) > {"new", "unchanged", "gone", "blocked"} - {"gone"}
    assert run("export", "--to", tmp_path / "out", "--format", "warc", "--db", db).exit_code == 0
    done = run("import", *sorted((tmp_path / "out").glob("*.gz")), "--db", tmp_path / "again.db", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["counts"]["reports"] > 10
    with Store.open(db, write=False) as first, Store.open(tmp_path / "again.db", write=False) as second:
        assert list(canonical.dump(first.conn)) == list(canonical.dump(second.conn))
        assert list(canonical.derived(first.conn)) == list(canonical.derived(second.conn))
    assert evidence(db) == evidence(tmp_path / "again.db")


def test_a_warc_by_the_standard_with_one_body_each_and_revisits(db: Path, warc: Path) -> None:
    (path,) = warc.glob("*.warc.gz")
    assert _problems(path) == 0
    kinds: dict[str, list[str]] = {}
    with path.open("rb") as file:
        for record in ArchiveIterator(file):
            kinds.setdefault(record.rec_type, []).append(record.rec_headers.get_header("WARC-Target-URI"))
            if record.rec_type == "warcinfo":
                text = record.content_stream().read().decode()
                with Store.open(db, write=False) as store:
                    assert edition(store.conn).version in text
                assert "Query: every capture" in text
            if record.rec_type == "revisit":
                assert record.rec_headers.get_header("WARC-Refers-To-Target-URI") == exported.URL.format(1)
                assert record.rec_headers.get_header("WARC-Refers-To-Date") == "2026-01-01T02:15:00Z"
                assert record.http_headers is None, "a 304 would be replayed as one"
            if record.rec_type == "response" and str(record.rec_headers.get_header("WARC-Target-URI")).endswith(
                "/col/index.html"
            ):
                assert record.http_headers.get_header("Content-Encoding") is None
                assert record.http_headers.get_header("X-Archive-Orig-Content-Encoding") == "gzip"
                assert record.http_headers.get_header("Content-Length") is None
                assert record.content_stream().read().decode() == "<ul>列表</ul>"
    assert kinds["revisit"] == [exported.URL.format(1)]
    assert kinds["resource"] == ["urn:sha256:" + "0" * 64]
    assert kinds["response"].count(exported.URL.format(2)) == 2, "both versions of the page that changed"
    with Store.open(db, write=False) as store:
        captures = store.conn.execute("SELECT count(*) FROM capture").fetchone()[0]
    own = [url for url in kinds["metadata"] if url.startswith("urn:gongkai:capture:")]
    assert len(own) == captures


def _problems(path: Path) -> int:
    class Arguments:
        inputs = (str(path),)
        verbose = False

    checker = Checker(Arguments())
    checker.process_all()
    return int(checker.exit_value)


def test_large_exports_are_cut_into_files_and_read_back(db: Path, tmp_path: Path) -> None:
    with Store.open(db, write=False) as store:
        files = list(export_warc.write(store, tmp_path, edition(store.conn), lambda _: None, part=1500))
    assert len(files) > 3
    with Store.open(tmp_path / "again.db", create=True) as store:
        back(store, *(path for path, _ in files))
    assert evidence(db) == evidence(tmp_path / "again.db")


def test_a_file_that_was_cut_short_is_said_and_what_came_before_is_kept(db: Path, warc: Path, tmp_path: Path) -> None:
    (path,) = warc.glob("*.warc.gz")
    plain = gzip.decompress(path.read_bytes())
    address = plain.index(b"WARC-Target-URI", len(plain) // 2)
    for name, whole in (("warc.gz", path.read_bytes()), ("warc", plain)):
        for length in (len(whole) // 3, len(whole) * 2 // 3, len(whole) - 5, *([address] if whole is plain else [])):
            cut = tmp_path / f"{length}.{name}"
            cut.write_bytes(whole[:length])
            archive = tmp_path / f"{cut.name}.db"
            done = run("import", cut, "--db", archive, "--json")
            assert done.exit_code == 1, done.output
            problems = [file["problem"] for file in json.loads(done.stdout)["files"] if file["problem"]]
            assert any("cut short after" in problem for problem in problems), problems
            with Store.open(archive, write=False) as store:
                assert store.conn.execute("SELECT count(*) FROM capture").fetchone()[0] > 0


@pytest.fixture
def replay(warc: Path, tmp_path: Path) -> Iterator[str]:
    """pywb, in an environment of its own, with our WARC in a collection; the address of its replay."""
    if not (PYWB / "wayback").exists():
        pytest.skip(f"no pywb in {PYWB}; `make test` puts it there")
    (path,) = warc.glob("*.warc.gz")
    for arguments in (("init", "gongkai"), ("add", "gongkai", str(path))):
        subprocess.run(
            [str(PYWB / "wb-manager"), *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=60
        )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [str(PYWB / "wayback"), "-b", "127.0.0.1", "-p", str(port)],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(300):
            assert server.poll() is None, "pywb ended"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/gongkai"
    finally:
        server.terminate()
        server.wait(10)


def test_pywb_replays_the_pages_revisits_included(replay: str, db: Path) -> None:
    def page(moment: str, url: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"{replay}/{moment}id_/{url}", timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    with Store.open(db, write=False) as store:
        bodies = {
            (url, at): store.body(sha256)
            for url, at, sha256 in store.conn.execute(
                "SELECT url, fetched_at, sha256 FROM capture WHERE kind = 'report' AND outcome IN ('new', 'changed',"
                " 'unchanged') AND url LIKE 'http%'"
            )
        }
    assert (exported.URL.format(1), "2026-01-09T02:15:00Z") in bodies, "the revisit"
    for (url, at), body in bodies.items():
        status, found = page(at.translate(dict.fromkeys(map(ord, "-:TZ"))), url)
        assert status == 200
        assert found == body, (url, at)
    assert page("20260109021500", exported.URL.format(3))[0] == 404, "a page that was gone is gone"
    assert page("20260101021500", "http://www.qj.example/col/index.html") == (200, "<ul>列表</ul>".encode())
    assert page("20260101021500", "http://www.qj.example/never.html")[0] == 404


def test_what_is_in_the_archive_under_the_same_id_is_never_overwritten(db: Path, warc: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    with Store.open(again, create=True) as store:
        back(store, *warc.glob("*.warc.gz"))
    for change, code in (("outcome = 'changed'", 0), ("note = 'another'", 5)):  # a merge judges outcomes anew
        conn = sqlite3.connect(again)
        conn.execute(f"UPDATE capture SET {change} WHERE url LIKE '%/1.html' AND outcome IN ('new', 'changed')")
        conn.commit()
        conn.close()
        before = evidence(again)["capture"]
        done = run("import", *warc.glob("*.warc.gz"), "--db", again)
        assert done.exit_code == code, done.output
        assert ("another capture" in done.stderr) == (code == 5)
        assert evidence(again)["capture"] == before
