"""In from elsewhere: other people's WARC files, and folders of pages with a list of their addresses."""

from __future__ import annotations

import errno
import gzip
import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from test_front_door_files import NOTICE, REPORT
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import gongkai
from archive import bodies
from archive.export_warc import EXTRA
from archive.ids import capture_id
from archive.store import Store

PAGE = REPORT.encode()
URL = "http://www.anfu.example/zwgk/2020/report.html"
CHALLENGE = b"<html><script>$_ts=window['$_ts'];</script></html>"

OWN = {
    "id": capture_id("20210301T080000Z-000000", URL, "2021-03-01T08:00:00Z"), "crawl_id": "20210301T080000Z-000000",
    "portal": None, "url": URL, "final_url": None, "fetched_at": "2021-03-01T08:00:00Z", "kind": "report",
    "status": None, "outcome": "failed", "headers": "[]", "sha256": None, "note": None,
}  # fmt: skip


def run(*arguments: object) -> Result:
    return CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(db, write=False) as store:
        return store.conn.execute(sql).fetchall()


class Crawler:
    """A WARC as another crawler writes it."""

    def __init__(self, path: Path, *, compressed: bool = True) -> None:
        self.path = path
        self.file = path.open("wb")
        self.writer = WARCWriter(self.file, gzip=compressed)
        self.writer.write_record(self.writer.create_warcinfo_record(path.name, {"software": "another crawler"}))

    def add(
        self,
        kind: str,
        url: str,
        date: str,
        payload: bytes = b"",
        status: str = "200 OK",
        headers: Any = (),
        **warc: str,
    ) -> Any:
        http = [*([] if "Content-Type" in dict(headers) else [("Content-Type", "text/html")]), *headers]
        answer = StatusAndHeaders(status, http, protocol="HTTP/1.1") if kind in ("response", "revisit") else None
        if kind == "request":
            answer = StatusAndHeaders("GET / HTTP/1.1", [("Host", "www.anfu.example")], is_http_request=True)
        names = {"WARC-Date": date} | {name.replace("_", "-"): value for name, value in warc.items()}
        record = self.writer.create_warc_record(
            url, kind, payload=BytesIO(payload), length=len(payload), http_headers=answer, warc_headers_dict=names
        )
        self.writer.write_record(record)
        return record

    def done(self) -> Path:
        self.file.close()
        return self.path


@pytest.fixture(params=[True, False], ids=["gz", "plain"])
def warc(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    crawler = Crawler(tmp_path / ("other.warc.gz" if request.param else "other.warc"), compressed=request.param)
    add = crawler.add
    add("request", URL, "2021-03-01T08:00:00Z")
    packed = gzip.compress(PAGE)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (packed[:100], packed[100:])) + b"0\r\n\r\n"
    first = add("response", URL, "2021-03-01T08:00:00.123456Z", chunks,
                headers=[("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")])  # fmt: skip
    add("revisit", URL, "2021-04-01T08:00:00Z",
        WARC_Profile="http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
        WARC_Payload_Digest=first.rec_headers.get_header("WARC-Payload-Digest"))  # fmt: skip
    add("response", "http://www.anfu.example/notice.html", "2021-03-01T08:00:01Z", NOTICE)
    add("response", "http://www.anfu.example/gone.html", "2021-03-01T08:00:02Z", b"<h1>404</h1>", "404 Not Found")
    add("response", "http://www.anfu.example/wall.html", "2021-03-01T08:00:03Z", CHALLENGE, "412 Precondition Failed")
    add("response", "http://www.anfu.example/style.css", "2021-03-01T08:00:04Z", b"body{}",
        headers=[("Content-Type", "text/css")])  # fmt: skip
    add("response", "http://www.anfu.example/robots.txt", "2021-03-01T07:59:59Z", b"User-agent: *")
    add("resource", "http://www.anfu.example/scan.pdf", "2021-03-01T08:00:05Z", b"%PDF-1.4 scan")
    add("resource", "dns:www.anfu.example", "2021-03-01T08:00:00Z", b"10.0.0.1")
    add("revisit", "http://www.anfu.example/never.html", "2021-04-01T08:00:00Z",
        WARC_Profile="http://netpreserve.org/warc/1.0/revisit/identical-payload-digest",
        WARC_Payload_Digest="sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")  # fmt: skip
    return crawler.done()


def test_another_crawlers_warc_becomes_captures_with_their_own_times(warc: Path, tmp_path: Path) -> None:
    db = tmp_path / "gongkai.db"
    done = run("import", warc, "--db", db, "--json")
    assert done.exit_code == 1, done.output
    problems = {file["url"]: file["problem"] for file in json.loads(done.stdout)["files"] if file["problem"]}
    assert problems.keys() == {"http://www.anfu.example/scan.pdf", "http://www.anfu.example/never.html"}
    assert "PDF" in problems["http://www.anfu.example/scan.pdf"]
    assert "revisit" in problems["http://www.anfu.example/never.html"]
    captures = rows(db, "SELECT url, fetched_at, kind, status, outcome, sha256 FROM capture ORDER BY fetched_at, url")
    name, digest = "http://www.anfu.example/", bodies.digest
    assert captures == [
        (f"{name}robots.txt", "2021-03-01T07:59:59Z", "robots", 200, "new", digest(b"User-agent: *")),
        (URL, "2021-03-01T08:00:00Z", "report", 200, "new", digest(PAGE)),
        (f"{name}notice.html", "2021-03-01T08:00:01Z", "report", 200, "new", digest(NOTICE)),
        (f"{name}gone.html", "2021-03-01T08:00:02Z", "report", 404, "gone", digest(b"<h1>404</h1>")),
        (f"{name}wall.html", "2021-03-01T08:00:03Z", "report", 412, "blocked", digest(CHALLENGE)),
        (f"{name}style.css", "2021-03-01T08:00:04Z", "attachment", 200, "new", digest(b"body{}")),
        (f"{name}scan.pdf", "2021-03-01T08:00:05Z", "report", None, "new", digest(b"%PDF-1.4 scan")),
        (URL, "2021-04-01T08:00:00Z", "report", 200, "unchanged", digest(PAGE)),
    ]
    reports = rows(db, "SELECT url, first_seen, last_seen, year FROM report")
    assert reports == [(URL, "2021-03-01T08:00:00Z", "2021-04-01T08:00:00Z", 2020)]
    assert rows(db, "SELECT count(*) FROM figure")[0][0] > 5
    ((headers, note),) = rows(db, f"SELECT headers, note FROM capture WHERE url = '{URL}' AND outcome = 'new'")
    assert ["Content-Encoding", "gzip"] in json.loads(headers)
    assert note == f"imported from {warc.name}"


def test_a_web_archives_page_is_not_taken_in_twice(warc: Path, tmp_path: Path) -> None:
    db = tmp_path / "gongkai.db"
    done = run("import", warc, warc, "--db", db, "--json")
    files = json.loads(done.stdout)["files"]
    assert sum(file["outcome"] == "duplicate" for file in files) == len(files) // 2
    assert len(rows(db, "SELECT id FROM capture")) == 8


def test_a_bomb_and_a_body_too_large_are_not_kept_and_said(tmp_path: Path) -> None:
    crawler = Crawler(tmp_path / "bomb.warc.gz")
    bomb = gzip.compress(bytes(bodies.LARGEST + 1))
    crawler.add("response", URL, "2021-03-01T08:00:00Z", bomb, headers=[("Content-Encoding", "gzip")])
    crawler.add("response", "http://www.anfu.example/b.html", "2021-03-01T08:00:01Z", PAGE)
    done = run("import", crawler.done(), "--db", tmp_path / "gongkai.db", "--json")
    files = json.loads(done.stdout)["files"]
    assert done.exit_code == 1
    assert [(file["url"], file["kind"]) for file in files if not file["problem"]] == [
        ("http://www.anfu.example/b.html", "report")
    ]
    assert "not kept" in next(file["problem"] for file in files if file["url"] == URL)


@pytest.mark.parametrize(
    "content",
    [
        b"WARC/1.0\r\nnonsense",
        b"\x1f\x8b\x08\x00broken",
        b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_a_broken_web_archive_is_reported(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.warc.gz").write_bytes(content)
    done = run("import", tmp_path / "broken.warc.gz", "--db", tmp_path / "gongkai.db")
    assert done.exit_code == 1
    assert "broken.warc.gz" in done.stderr and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"table": "visit"}, "the rows of the table visit are not in its record"),
        ({"table": "visit", "rows": [["a", "b"]]}, "a row of the table visit has not its 6 columns"),
        ({"table": "visit", "rows": [["nowhere", "x", None, "many", "finished", None]]}, "does not fit"),
        ({"table": "body", "rows": [["a"]]}, "no table of evidence is called 'body'"),
        ({"url": URL}, "its metadata record lacks id"),
        (OWN | {"id": "0" * 16}, "is not that of its crawl, address and time"),
        (OWN | {"headers": "{}"}, "are no list"),
        (OWN, "does not fit"),
    ],
)
def test_records_that_look_like_gongkais_own_and_are_not(extra: dict[str, Any], words: str, tmp_path: Path) -> None:
    crawler = Crawler(tmp_path / "own.warc.gz")
    said = json.dumps(extra).encode()
    record = crawler.writer.create_warc_record(
        "urn:x", "metadata", payload=BytesIO(said), length=len(said), warc_content_type=EXTRA,
        warc_headers_dict={"WARC-Date": "2021-03-01T08:00:00Z"},
    )  # fmt: skip
    crawler.writer.write_record(record)
    crawler.add("response", URL, "2021-03-01T08:00:00Z", PAGE)
    done = run("import", crawler.done(), "--db", tmp_path / "gongkai.db")
    assert done.exit_code == 1 and words in done.stderr and "Traceback" not in done.output, done.output
    assert rows(tmp_path / "gongkai.db", "SELECT url, outcome FROM capture") == [(URL, "new")], "the rest is kept"


def test_a_web_archive_without_a_page_says_so(tmp_path: Path) -> None:
    crawler = Crawler(tmp_path / "requests.warc.gz")
    crawler.add("request", URL, "2021-03-01T08:00:00Z")
    done = run("import", crawler.done(), "--db", tmp_path / "gongkai.db")
    assert done.exit_code == 1 and "requests.warc.gz: no page in it: 2 records" in done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages" / "sub").mkdir(parents=True)
    (tmp_path / "pages" / "a.html").write_bytes(PAGE)
    (tmp_path / "pages" / "sub" / "b.html").write_bytes(NOTICE)
    (tmp_path / "pages" / "c.html").write_bytes(PAGE + b"<!-- -->")
    return tmp_path / "pages"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("given", [True, False], ids=["named", "found"])
def test_pages_with_a_list_of_their_addresses(folder: Path, tmp_path: Path, encoding: str, given: bool) -> None:
    path = folder / ("addresses.csv" if not given else "网址.csv")
    text = f"file,url,fetched_at,说明\na.html,{URL}#top,2021-03-01 16:00:00+08:00,年报\nsub/b.html,{URL}?b=1,,\n"
    path.write_bytes(text.encode(encoding))
    options = ["--addresses", path] if given else []
    done = run("import", folder, *options, "--db", tmp_path / "gongkai.db")
    assert done.exit_code == 0, done.output
    captures = dict(rows(tmp_path / "gongkai.db", "SELECT url, fetched_at FROM capture"))
    lonely = f"urn:sha256:{bodies.digest((folder / 'c.html').read_bytes())}"
    assert captures.keys() == {URL, f"{URL}?b=1", lonely}, "the list itself is no page"
    assert captures[URL] == "2021-03-01T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,address\na.html,http://x.example/\n", "columns file and url"),
        ("file,url\na.html,ftp://x.example/\n", "line 2"),
        ("file,url\na.html,\n", "no url"),
        ("file,url,fetched_at\na.html,http://x.example/,yesterday\n", "yesterday"),
        ("file,url\na.html,http://x.example/\na.html,http://y.example/\n", "named before"),
        ("file,url\na.html,http://x.example/\nc.html,http://x.example/\n", "two times"),
        ("file,url\na.html,http://x.example/\xff\n", "line 2: neither UTF-8 nor GB 18030"),
    ],
)
def test_a_list_that_leaves_anything_open_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, text: str, words: str
) -> None:
    (folder / "addresses.csv").write_bytes(text.encode("latin-1"))
    done = run("import", folder, "--db", tmp_path / "gongkai.db")
    assert done.exit_code == 2 and words in done.stderr, done.output
    assert rows(tmp_path / "gongkai.db", "SELECT * FROM crawl") == []


def test_what_a_folder_or_a_list_names_and_nobody_can_read_is_named_and_the_rest_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.html").symlink_to(tmp_path / "nowhere.html")
    (folder / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "locked").mkdir()
    (folder / "addresses.csv").write_text(f"file,url\na.html,{URL}\nlost.html,{URL}?lost\n", encoding="utf-8")
    scandir = os.scandir

    def guarded(path: Any = ".") -> Any:  # a user who may do anything, as in a container, is never refused
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    done = run("import", folder, "--db", tmp_path / "gongkai.db", "--json")
    assert done.exit_code == 1
    files = {Path(file["path"]).name: file for file in json.loads(done.stdout)["files"]}
    assert {name: file["problem"] for name, file in files.items() if file["problem"]} == {
        "lost.html": "not kept: a list of addresses names it, and there is no such file",
        "broken.html": "not kept: No such file or directory",
        "elsewhere": "not kept: a link to a folder",
        "locked": "not kept: a folder that cannot be read",
        "pipe": "not kept: no file",
    }
    assert files["lost.html"]["url"] == f"{URL}?lost"
    assert rows(tmp_path / "gongkai.db", "SELECT count(*) FROM capture") == [(3,)]
