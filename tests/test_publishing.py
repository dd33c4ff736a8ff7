"""docs/publishing.md, run: a published copy, `gongkai serve --immutable`, and the document's own nginx in front."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from browser import ROOT, program, serving
from click.testing import CliRunner
from desk_archive import build, saved

import gongkai
from archive import desk

DOCUMENT = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work, public = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("public")
    db = build(work / "gongkai.db", [saved("qujiang-2020.html"), saved("dalu-2019.html")])
    done = CliRunner().invoke(gongkai.main, ["publish", str(public / "gongkai.db"), "--db", str(db)])
    assert done.exit_code == 0, done.output
    return public / "gongkai.db"


@pytest.fixture(scope="module")
def front(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx with the document's file; only the port, the upstream's and the places of files differ."""
    nginx = program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (written,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT, re.DOTALL)
    with serving(copy, "--immutable") as upstream:
        site = written.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("http://127.0.0.1:8001", upstream)
        assert site.count(upstream) == 1 and f":{port};" in site
        (folder / "site.conf").write_text(site)
        places = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; {'user root;' if os.getuid() == 0 else ''} pid {folder}/pid; error_log {folder}/error.log;"
            f" worker_processes 1; events {{ worker_connections 64; }}\n"
            f"http {{ access_log off; {places}\ninclude {folder}/site.conf; }}\n"
        )
        with subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]) as server:
            try:
                until = time.monotonic() + 20
                while server.poll() is None and time.monotonic() < until:
                    with socket.socket() as attempt:
                        if attempt.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.1)
                assert server.poll() is None, (folder / "error.log").read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                server.wait(timeout=20)


def test_the_desk_behind_nginx_answers_with_its_own_headers(front: str) -> None:
    with httpx.Client(base_url=front) as client:
        for path in ("/", "/gongkai/report", "/-/dashboard", "/static/vendor/vega.min.js"):
            answer = client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert "noindex" in answer.headers["x-robots-tag"] and "server" not in {
                name for name in answer.headers if "uvicorn" in answer.headers[name]
            }
        assert "Disallow: /\n" in client.get("/robots.txt").text
        (report, *_) = client.get("/gongkai/report.json?_shape=array").json()
        page = client.get(f"/-/page/{report['capture_id']}")
        assert page.status_code == 200 and page.headers["content-security-policy"].startswith("sandbox;")
        assert "vary" in page.headers


def test_nothing_but_reading_comes_through(front: str, copy: Path) -> None:
    with httpx.Client(base_url=front) as client:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, "/gongkai/report").status_code == 403, method
        assert client.head("/").status_code == 200
        assert client.post("/gongkai", content=b"x" * 20_000).status_code in (403, 413)
        written = client.get("/gongkai?sql=delete+from+report").text
        assert "Statement must be a SELECT" in written
        assert client.get("/gongkai.db").status_code == 403
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444
    assert sorted(path.name for path in copy.parent.iterdir()) == ["gongkai.db", "gongkai.inspect.json"]


def test_a_slow_query_is_cut_off_in_time(front: str) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    started = time.monotonic()
    answer = httpx.get(f"{front}/gongkai.json", params={"sql": endless}, timeout=30)
    assert answer.status_code == 400 and "took too long" in answer.text
    assert time.monotonic() - started < 10


def test_one_address_cannot_take_the_server_for_itself(front: str) -> None:
    with httpx.Client(base_url=front, timeout=30) as client, ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(lambda _: client.get("/robots.txt").status_code, range(120)))
    assert set(codes) == {200, 429} and codes.count(200) >= 30  # a burst of 40 and what the time allows


def test_a_published_copy_is_not_counted_again(copy: Path) -> None:
    datasette = desk.desk(copy, immutable=True)
    database = datasette.databases["gongkai"]
    facts = json.loads(copy.with_suffix(".inspect.json").read_text(encoding="utf-8"))["gongkai"]
    assert not database.is_mutable
    assert database.cached_table_counts == {name: table["count"] for name, table in facts["tables"].items()}
    assert desk.desk(copy).databases["gongkai"].is_mutable


def test_the_documents_datasette_line_serves_the_desk(copy: Path) -> None:
    (line,) = re.findall(r"^    datasette (--immutable .*)$", DOCUMENT, re.MULTILINE)
    words = line.replace("/srv/gongkai/gongkai", str(copy.with_suffix(""))).split()
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "datasette"), *words, "--get", "/-/dashboard"],
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and 'class="desk-nav"' in done.stdout, done.stderr


def test_the_limits_in_the_document_are_those_in_force() -> None:
    settings = json.loads((desk.FOLDER / "settings.json").read_text(encoding="utf-8"))
    said = dict(re.findall(r"`(\w+)` \| ([\d,]+|off)", DOCUMENT))
    seconds = {"sql_time_limit_ms", "facet_time_limit_ms"}
    for name, value in said.items():
        shown = settings[name] // 1000 if name in seconds else settings[name]
        assert ("off" if shown is False else f"{shown:,}") == value, name
    assert len(said) == 5
