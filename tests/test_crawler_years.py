"""What years bring: every fault of a host at once, robots.txt in every state, and a second season."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import ROOT, Crawls
from several import SeveralCrawls

from crawler.replica.hanweb_jcms import CHALLENGE, COLUMN_PATH, HanwebJcmsSite
from crawler.replica.site import Answer, Query

PLAIN = "text/plain"


def plain_site(stack: ExitStack) -> HanwebJcmsSite:
    """A replica without a duplicate, a missing page or a challenge: a crawl of it is clean."""
    site = stack.enter_context(HanwebJcmsSite(years=(2022,)))
    assert isinstance(site, HanwebJcmsSite)
    site.lines[:] = [line for line in site.lines[:-1] if not line.path.endswith(("_99002.html", "_99003.html"))]
    return site


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(1024)) + packer.flush()


def test_every_fault_at_once_and_then_none(tmp_path: Path, stack: ExitStack) -> None:
    site, closed, wall, calm = (plain_site(stack) for _ in range(4))
    sites = {"faults": site, "robots-503": closed, "wall": wall, "calm": calm}
    crawls = SeveralCrawls({key: (one, "hanweb-jcms", COLUMN_PATH) for key, one in sites.items()}, tmp_path)
    paths = list(site.made)
    real = site.answer(Query("GET", paths[13], {}, {}, {}))
    section = "".join(f"<li><a href='/a/{n}.html'>某局{n}年…</a><span>2021-01-{n + 10}</span></li>" for n in range(9))
    elsewhere = f"http://127.0.0.1:{calm.port}/inside"
    said: list[str] = []

    def busy(query: Query) -> Answer | None:
        if query.path == paths[8] and not said:
            said.append(query.path)
            return Answer(status=429, headers=(("Retry-After", "1"),))
        return None

    def redirect(target: str) -> Answer:
        return Answer(status=302, headers=(("Location", target),))

    faults = {
        paths[0]: (Answer(b"broken", status=500), "failed"),
        paths[1]: (Answer(reset=True), "failed"),
        paths[2]: (Answer(real.body[:2000], drip=0.05), "failed"),
        paths[3]: (real._replace(missing=900), "failed"),
        paths[4]: (Answer(bomb(), headers=(("Content-Encoding", "gzip"),)), "refused"),
        paths[5]: (redirect(paths[5] + "?again=1"), "failed"),
        paths[6]: (redirect(elsewhere), "refused"),
        paths[7]: (redirect("file:///etc/passwd"), "refused"),
        paths[9]: (redirect("http://169.254.169.254/latest/meta-data/"), "refused"),
        paths[10]: (Answer(f"<html><title>年报</title><ul>{section}</ul></html>".encode()), "failed"),
        paths[11]: (Answer("<html><body>网站正在维护</body></html>".encode()), "failed"),
        paths[12]: (Answer(gzip.compress(real.body), headers=(("Content-Encoding", "gzip"),)), "new"),
    }
    site.faults += [busy, lambda query: faults[query.path][0] if query.path in faults else None]
    closed.pages["/robots.txt"] = Answer(status=503)
    wall.faults.append(lambda query: None if query.path == "/robots.txt" else CHALLENGE)
    done = subprocess.run(
        crawls.command(), cwd=ROOT, env=crawls.environment() | {"GONGKAI_LOOPBACK_TIMEOUT": "1.5"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    rows = crawls.rows("SELECT url, outcome FROM capture WHERE kind = 'report' AND portal = 'faults'")
    outcomes = {url.removeprefix(site.url): outcome for url, outcome in rows}
    listed = {line.path for line in site.lines} - {"/art/2023/2/1/art_1229000000_99001.html"}
    assert outcomes == dict.fromkeys(listed, "new") | {path: outcome for path, (_, outcome) in faults.items()}
    assert len(rows) == len(outcomes) and len(site.asked(paths[8])) == 2
    assert crawls.visits() == {"faults": "finished", "robots-503": "refused", "wall": "blocked", "calm": "finished"}
    assert calm.asked("/inside") == [] and closed.asked("/col/") == [] and closed.asked("/art/") == []
    assert {line.query.path for line in wall.log} == {"/robots.txt", COLUMN_PATH}
    decided = dict(crawls.rows("SELECT url, decision FROM entry WHERE portal = 'faults'"))
    assert {url.removeprefix(site.url) for url in decided} == {line.path for line in site.lines}

    site.faults.clear()
    wall.faults.clear()
    closed.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow:\n", media_type=PLAIN)
    done = crawls.run()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    good = "SELECT count(DISTINCT url) FROM capture WHERE kind = 'report' AND outcome = 'new'"
    assert crawls.rows(good) == [(4 * len(listed),)], "nothing is lost"
    assert crawls.rows("SELECT count(*) FROM report") == [(4 * len(listed),)]


def test_robots_txt_in_every_state(tmp_path: Path, stack: ExitStack) -> None:
    forbids = b"User-agent: *\nDisallow: /\n"
    filler = b"# a line that says nothing at all, and fills the file\n" * 11_400  # 600 KiB
    answers: dict[str, tuple[Answer, bool, int]] = {
        "allows": (Answer(b"User-agent: *\nDisallow: /admin/\n", media_type=PLAIN), True, 1),
        "forbids": (Answer(forbids, media_type=PLAIN), False, 1),
        "status-404": (Answer(status=404), True, 1),
        "status-410": (Answer(status=410), True, 1),
        "status-401": (Answer(status=401), False, 1),
        "status-403": (Answer(status=403), False, 1),
        "status-429": (Answer(status=429), False, 3),
        "status-500": (Answer(status=500), False, 3),
        "timeout": (Answer(b"late", pause=2.5), False, 3),
        "reset": (Answer(reset=True), False, 3),
        "loop": (Answer(status=302, headers=(("Location", "/robots.txt"),)), False, 11),
        "long-allows": (Answer(b"User-agent: *\nDisallow: /admin/\n" + filler, media_type=PLAIN), True, 1),
        "long-forbids": (Answer(forbids + filler, media_type=PLAIN), False, 1),
        "too-late": (Answer(b"User-agent: *\n" + filler + b"Disallow: /\n", media_type=PLAIN), True, 1),
    }
    sites = {key: plain_site(stack) for key in answers}
    for key, (answer, _, _) in answers.items():
        sites[key].pages["/robots.txt"] = answer
    crawls = SeveralCrawls({key: (one, "hanweb-jcms", COLUMN_PATH) for key, one in sites.items()}, tmp_path)
    done = subprocess.run(
        crawls.command("--limit", "0"), cwd=ROOT, env=crawls.environment() | {"GONGKAI_LOOPBACK_TIMEOUT": "1.5"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 3), done.stderr
    ends = time.monotonic() + 5
    while len(sites["timeout"].asked("/robots.txt")) < 3 and time.monotonic() < ends:
        time.sleep(0.1)  # the site notes an answer that nobody waits for any more
    visits = crawls.visits()
    noted = dict(crawls.rows("SELECT portal, note FROM capture WHERE kind = 'robots'"))
    for key, (_, allowed, asked) in answers.items():
        assert visits[key] == ("finished" if allowed else "refused"), key
        assert bool(sites[key].asked("/col/")) is allowed, key
        assert len(sites[key].asked("/robots.txt")) == asked, key
        assert noted[key], "the decision is kept"


def changed_figure(body: bytes) -> tuple[bytes, int]:
    """The page with its first number cell seven larger, and what it was."""
    text = body.decode()
    cell = next(re.finditer(r"(<td[^>]*><p>)(\d+)(</p></td>)", text))
    now = f"{cell[1]}{int(cell[2]) + 7}{cell[3]}"
    return (text[: cell.start()] + now + text[cell.end() :]).encode(), int(cell[2])


def test_a_second_season(small: Crawls) -> None:
    site = small.site
    lines = [site._by_path[line.path] for line in site.lines[:-1]]
    made = [line for line in lines if line.path in site.made]
    new, silent, vanished, dropped = made[-4:], made[1:4], made[4], made[5]
    site.lines[:] = [line for line in lines if line not in new]
    hits = Counter[str]()
    after: dict[str, Callable[[bytes], bytes]] = {}

    def served(query: Query) -> Answer | None:
        if query.path not in site.made:
            return None
        answer = site.answer(query)
        hits[query.path] += 1
        body = answer.body.replace(
            b"</body>", f"<div>浏览次数：<b id=hits>{hits[query.path]}</b></div></body>".encode()
        )
        return answer._replace(body=after.get(query.path, bytes)(body))

    site.faults.append(served)
    small.run()
    first = small.rows("SELECT count(*) FROM report")
    assert first == [(len(made) + 1 - 4,)]

    expected = {}
    for line in silent:
        _, before = changed_figure(site.answer(Query("GET", line.path, {}, {}, {})).body)
        expected[site.url + line.path] = (before, before + 7)
        after[line.path] = lambda body: changed_figure(body)[0]
    site.faults.insert(0, lambda query: Answer(status=404) if query.path in (vanished.path, dropped.path) else None)
    site.lines[:] = [line for line in lines if line is not dropped]
    done = small.run("--revisit")
    assert done.stderr == ""
    said = json.loads(done.stdout)

    revised = small.rows("SELECT url, before, after FROM revision JOIN report ON id = report_id")
    assert {url: (before, after) for url, before, after in revised} == expected and len(revised) == 3
    gone = {url for (url,) in small.rows("SELECT url FROM report WHERE gone_at IS NOT NULL")}
    assert gone == {site.url + vanished.path, site.url + dropped.path}
    newest = "crawl_id = (SELECT id FROM crawl ORDER BY rowid DESC LIMIT 1) AND kind = 'report'"
    added = {url for (url,) in small.rows(f"SELECT url FROM capture WHERE outcome = 'new' AND {newest}")}
    assert added == {site.url + line.path for line in new}
    counted = {url for (url,) in small.rows(f"SELECT url FROM capture WHERE outcome = 'changed' AND {newest}")}
    assert counted == {site.url + line.path for line in made} - gone - added, "every other page had its counter moved"
    assert small.rows("SELECT count(*) FROM finding WHERE kind = 'revision'") == [(0,)]
    assert small.rows("SELECT count(*) FROM report") == [(len(made) + 1,)]
    assert (said["captured"], said["unchanged"], said["gone"]) == (len(counted) + 4, 1, 3)


def test_scrapys_handlers_of_other_schemes_are_off() -> None:
    script = (
        "from scrapy.utils.reactor import install_reactor\n"
        "install_reactor('twisted.internet.asyncioreactor.AsyncioSelectorReactor')\n"
        "from scrapy.crawler import Crawler; from scrapy import Spider\n"
        "from scrapy.utils.project import get_project_settings\n"
        "crawler = Crawler(Spider, get_project_settings()); crawler._apply_settings()\n"
        "from scrapy.core.downloader.handlers import DownloadHandlers\n"
        "handlers = DownloadHandlers(crawler)\n"
        "print(*(s for s in ('http', 'https', 'file', 'data', 'ftp', 's3') if handlers._get_handler(s)))\n"
        "print(crawler.settings.getbool('TELNETCONSOLE_ENABLED'), crawler.settings.getbool('REMOTE_CONTROL_ENABLED'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n")[:2] == ["http https", "False False"], done.stderr
