"""Real crawls of the replica: what is found, what is asked for again, and what faults become."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Crawls

from archive.store import Store
from crawler.replica.hanweb_jcms import COLUMN, COLUMN_PATH, PROXY, HanwebJcmsSite
from crawler.replica.site import Answer, Query

SCRAPY = (sys.executable, "-m", "scrapy")


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The summary a crawl printed; what it wrote to stderr where it printed none."""
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report_requests(site: HanwebJcmsSite) -> list[str]:
    return [line.query.path for line in site.asked("/art/")]


def check_readings(crawls: Crawls) -> None:
    """Every made-up page was read as a report, cell for cell as it was printed, and no exact sum of it fails."""
    made = [crawls.site.url + path for path in crawls.site.made]
    marks = ", ".join("?" * len(made))
    kinds = crawls.rows(f"SELECT page_kind FROM reading JOIN capture ON id = capture_id WHERE url IN ({marks})", made)
    assert kinds == [("report",)] * len(made)
    failed = crawls.rows(
        "SELECT r.url, f.name, f.at, f.expected, f.found FROM finding f JOIN report r ON r.id = f.report_id"
        f" WHERE f.kind = 'check' AND f.status = 'fail' AND f.strength = 'exact' AND r.url IN ({marks})",
        made,
    )
    assert failed == []
    cells = crawls.rows("SELECT url, indicator, col, raw FROM figure JOIN report ON id = report_id")
    read = {(url, indicator, col): raw for url, indicator, col, raw in cells if url in set(made)}
    printed = {
        (crawls.site.url + path, row, column): text
        for path in crawls.site.made
        for (_, row, column), text in crawls.site.figures(path).cells.items()
    }
    assert read == printed


def test_the_whole_replica_and_then_nothing_again(tmp_path: Path) -> None:
    with HanwebJcmsSite() as site:
        assert isinstance(site, HanwebJcmsSite)
        crawls, planted = Crawls(site, tmp_path), site.planted()
        done = crawls.run()
        said = summary(done)
        assert done.stderr == ""
        assert crawls.decisions() == said["decisions"] == planted["decisions"]
        assert crawls.outcomes() == planted["outcomes"]
        assert (said["captured"], said["gone"], said["blocked"]) == (planted["reports"], 1, 1)
        assert crawls.rows("SELECT declared, found, outcome FROM visit") == [
            (planted["declared"], planted["found"], "finished")
        ]
        findings = dict(crawls.rows("SELECT name, count(*) FROM finding WHERE kind = 'listing' GROUP BY name"))
        assert findings == planted["findings"]
        assert (done.returncode, said["exit_code"]) == (1, 1), "a list came short, and a page was blocked"
        asked = report_requests(site)
        assert Counter(asked).most_common(1)[0][1] == 1, "no page was asked for twice"
        assert set(asked) == {line.path for line in site.lines} - {"/art/2023/2/1/art_1229000000_99001.html"}
        titles = dict(crawls.rows("SELECT url, title FROM entry WHERE decision <> 'duplicate'"))
        assert titles == {site.url + line.path: line.title for line in site.lines}, "whole titles, none cut"
        dates = dict(crawls.rows("SELECT url, listed_date FROM entry WHERE decision <> 'duplicate'"))
        assert dates == {site.url + line.path: line.date for line in site.lines}
        assert crawls.rows("SELECT count(*) FROM capture WHERE kind = 'listing'") == [(4,)]
        assert {line.query.form["unitid"] for line in site.asked(PROXY)} == {"7001"}
        assert max(line.together for line in site.log) == 1

        check_readings(crawls)

        site.log.clear()
        again = summary(crawls.run())
        assert Counter(report_requests(site)) == Counter(path for path in asked if "_9900" in path)
        assert again["decisions"] == {"duplicate": 1, "fetched": 2, "fresh": planted["reports"], "not_a_report": 1}
        assert again["captured"] == 0
        assert crawls.outcomes() == planted["outcomes"] | {"gone": 2, "blocked": 2}


def test_scrapys_own_command_does_the_same_work(small: Crawls) -> None:
    listed = small.process([*SCRAPY, "list"], folder=ROOT / "crawler")
    assert listed.returncode == 0, listed.stderr
    assert "hanweb-jcms" in listed.stdout.split()
    command = [*SCRAPY, "crawl", "hanweb-jcms", "-a", "portal=replica", "-a", f"portals={small.portals}"]
    done = small.process(command, folder=ROOT / "crawler" / "spiders")
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "1 page(s) blocked", "as gongkai crawl ends"
    planted = small.site.planted()
    assert small.decisions() == planted["decisions"]
    assert small.outcomes() == planted["outcomes"]
    assert small.rows("SELECT outcome, captured FROM crawl") == [("finished", planted["reports"])]


def test_revisiting_asks_for_every_page_and_sends_the_validators(small: Crawls) -> None:
    tagged, plain = list(small.site.made)[:2]

    def validators(query: Query) -> Answer | None:
        if query.path != tagged:
            return None
        if query.headers.get("if-none-match") == '"v1"':
            return Answer(status=304)
        return small.site.answer(query)._replace(headers=(("ETag", '"v1"'),))

    small.site.faults.append(validators)
    small.run()
    before = small.rows("SELECT count(*) FROM reading")
    left = small.site.lines.pop(2)
    small.site.log.clear()
    said = summary(small.run("--revisit"))
    assert {tagged, plain} <= set(report_requests(small.site))
    assert left.path in report_requests(small.site), "a page that left its list is asked for all the same"
    assert [line.status for line in small.site.asked(tagged)] == [304]
    assert said["unchanged"] == small.site.planted()["reports"]
    hashes = small.rows("SELECT DISTINCT sha256 FROM capture WHERE url = ?", [small.site.url + tagged])
    assert len(hashes) == 1
    assert hashes[0][0]
    assert small.rows("SELECT count(*) FROM reading") == before


def test_the_limit_leaves_the_rest_for_another_time(small: Crawls) -> None:
    said = summary(small.run("--limit", "3"))
    assert len(report_requests(small.site)) == 3
    planted = small.site.planted()["decisions"]
    assert said["decisions"]["over_budget"] == planted["fetched"] - 3


def test_a_list_that_repeats_itself_ends_and_is_a_finding(small: Crawls) -> None:
    def repeats(query: Query) -> Answer | None:
        if query.path != PROXY:
            return None
        return small.site.answer(query._replace(query={"startrecord": "1", "endrecord": "15"}, form=form))

    form = {"unitid": "7001", "columnid": COLUMN}
    small.site.faults.append(repeats)
    said = summary(small.run("--limit", "0"))
    names = {name for (name,) in small.rows("SELECT name FROM finding WHERE kind = 'listing'")}
    assert names == {"repeated_page", "count_mismatch"}
    asked = [(line.query.method, line.query.query.get("page")) for line in small.site.asked(PROXY)]
    assert asked == [("POST", None), ("POST", "1"), ("POST", "2"), ("GET", "1"), ("GET", "2")], "every way, once"
    assert small.rows("SELECT found, outcome FROM visit") == [(15, "incomplete")]
    assert said["exit_code"] == 1


def test_an_endless_list_ends_at_its_budget(small: Crawls) -> None:
    def endless(query: Query) -> Answer | None:
        if query.path == COLUMN_PATH:
            return small.site.answer(query)._replace(
                body=small.site.answer(query).body.replace(b"totalRecord:19", b"totalRecord:99999")
            )
        if query.path == PROXY:
            number = query.query["startrecord"]
            line = f'<li><a href="/n/{number}.html" title="公告{number}的通知">公告</a></li>'
            return Answer(f"<datastore><recordset><record><![CDATA[{line}]]></record></recordset></datastore>".encode())
        return None

    small.site.faults.append(endless)
    small.run("--limit", "0")
    assert len(small.site.asked(PROXY)) == 299
    names = {name for (name,) in small.rows("SELECT name FROM finding WHERE kind = 'listing'")}
    assert "page_budget" in names


def test_faults_become_outcomes_and_nothing_is_lost(small: Crawls) -> None:
    paths = list(small.site.made)
    elsewhere = f"http://127.0.0.1:{small.site.port + 1}/inside"
    real = small.site.answer(Query("GET", paths[9], {}, {}, {}))
    faults = {
        paths[0]: Answer(b"broken", status=500),
        paths[1]: real._replace(missing=500),
        paths[2]: Answer("<html><body>您访问的页面不存在</body></html>".encode()),
        paths[3]: Answer("<html><body>请输入验证码</body></html>".encode()),
        paths[4]: Answer(status=302, headers=(("Location", elsewhere),)),
        paths[5]: Answer(status=302, headers=(("Location", "file:///etc/passwd"),)),
        paths[6]: Answer(status=302, headers=(("Location", paths[6]),)),
        paths[7]: Answer(b""),
        paths[8]: Answer(status=302, headers=(("Location", paths[9] + "?x=1"),)),
        paths[10]: Answer(b"x" * (33 * 2**20)),
    }
    small.site.faults.append(lambda query: faults.get(query.path))
    done = small.run()
    got = dict(small.rows("SELECT url, outcome FROM capture WHERE kind = 'report'"))
    notes = dict(small.rows("SELECT url, note FROM capture WHERE kind = 'report'"))
    expected = [
        "failed",
        "failed",
        "gone",
        "blocked",
        "refused",
        "refused",
        "failed",
        "failed",
        "new",
        "new",
        "refused",
    ]
    assert [got[small.site.url + path] for path in paths[:11]] == expected
    assert len(small.site.asked(paths[0])) == len(small.site.asked(paths[1])) == 3, "three tries"
    assert len(small.site.asked(paths[6])) == 11, "ten redirects"
    assert len(small.site.asked(paths[3])) == 1, "a challenge is not tried again"
    kept = small.rows("SELECT sha256 IS NOT NULL FROM capture WHERE url = ?", [small.site.url + paths[1]])
    assert kept == [(1,)], "the bytes that came are kept"
    assert "127.0.0.1 is neither" in notes[small.site.url + paths[4]]
    assert notes[small.site.url + paths[10]] == "over 32 MB"
    final = small.rows("SELECT final_url, note FROM capture WHERE url = ?", [small.site.url + paths[8]])
    assert final == [(small.site.url + paths[9] + "?x=1", f"via {small.site.url + paths[8]}")]
    refused = {url for (url,) in small.rows("SELECT url FROM entry WHERE decision = 'refused'")}
    assert refused == {small.site.url + paths[index] for index in (4, 10)}
    assert summary(done)["exit_code"] == 1


def test_three_challenges_and_the_host_is_left_alone(small: Crawls) -> None:
    blocked = Answer(b"<html><script>$_ts={}</script></html>", status=412)
    small.site.faults.append(lambda query: blocked if query.path.startswith("/art/") else None)
    done = small.run(delay="0.05")
    assert len(report_requests(small.site)) == 3
    assert small.decisions()["host_left_alone"] == small.site.planted()["decisions"]["fetched"] - 3
    assert done.returncode == 3, "not one report page"


def test_a_portal_behind_a_challenge(small: Crawls) -> None:
    blocked = Answer(b"<html><script>$_ts={}</script></html>", status=412)
    small.site.faults.append(lambda query: blocked if query.path == COLUMN_PATH else None)
    done = small.run()
    assert done.returncode == 3
    assert small.rows("SELECT found, outcome FROM visit") == [(0, "blocked")]
    assert "behind a challenge" in summary(done)["reasons"][0]


def test_a_slow_answer_is_given_up_after_three_tries(small: Crawls) -> None:
    slow = next(iter(small.site.made))
    small.site.faults.append(lambda query: Answer(b"late", pause=2.0) if query.path == slow else None)
    command = [*SCRAPY, "crawl", "hanweb-jcms", "-a", "portal=replica", "-a", f"portals={small.portals}"]
    done = small.process([*command, "-s", "DOWNLOAD_TIMEOUT=0.8"])
    assert done.returncode == 1, done.stderr
    assert "1 page(s) failed" in done.stderr, "Scrapy's own command says so too"
    got = small.rows("SELECT outcome, note FROM capture WHERE url = ?", [small.site.url + slow])
    assert [outcome for outcome, _ in got] == ["failed"]
    assert "DownloadTimeoutError" in got[0][1]


def test_pages_known_without_a_list(small: Crawls) -> None:
    page = next(iter(small.site.made))
    small.describe(pages=f'["{small.site.url}{page}"]')
    small.run("--limit", "1")
    assert report_requests(small.site) == [page]
    assert small.rows("SELECT decision FROM entry WHERE listing_capture IS NULL") == [("fetched",)]


def test_a_list_in_gbk_that_says_utf8(small: Crawls) -> None:
    def gbk(query: Query) -> Answer | None:
        if query.path not in (COLUMN_PATH, PROXY):
            return None
        answer = small.site.answer(query)
        return answer._replace(body=answer.body.decode().encode("gb18030"))

    small.site.faults.append(gbk)
    small.run("--limit", "0")
    titles = {title for (title,) in small.rows("SELECT title FROM entry")}
    assert titles == {line.title for line in small.site.lines}


def test_another_run_has_the_archive(small: Crawls) -> None:
    with Store.open(small.db, create=True):
        done = small.run()
    assert done.returncode == 4
    assert "is being written by another run" in done.stderr
    assert small.site.log == []


def test_a_file_that_is_no_archive_is_left_as_it_is(small: Crawls) -> None:
    small.db.write_bytes(b"a diary")
    done = small.run()
    assert done.returncode == 5
    assert "is not a gongkai archive" in done.stderr
    assert small.db.read_bytes() == b"a diary"


def test_a_full_disk_stops_the_crawl_and_keeps_what_was_acknowledged(small: Crawls) -> None:
    reports = small.site.planted()["reports"]
    Store.open(small.db, create=True).close()
    least = small.db.stat().st_size
    most = 4 * least
    kept = 0
    for _ in range(10):  # how large a disk holds a part of the reports is found by halving
        for left in small.folder.glob(f"{small.db.name}*"):
            left.unlink()
        room = (least + most) // 2
        smaller = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
        done = small.process(small.command(), delay="0.08", before=smaller)  # so that each page is a commit
        kept = small.outcomes().get("new", 0)
        if 0 < kept < reports:
            break
        least, most = (room, most) if kept == 0 else (least, room)
    assert 0 < kept < reports, "the size of the disk is not what stops this crawl"
    assert done.returncode == 5, done.stderr
    assert done.stderr.splitlines()[-1].startswith(str(small.db))
    assert small.rows("PRAGMA integrity_check") == [("ok",)]
    first = small.rows("SELECT url, sha256 FROM capture WHERE outcome = 'new'")
    small.run()
    assert small.outcomes()["new"] == reports
    assert set(first) <= set(small.rows("SELECT url, sha256 FROM capture WHERE outcome = 'new'"))


def test_a_damaged_body_is_found_after_the_crawl(small: Crawls) -> None:
    small.run()
    assert small.rows("SELECT count(*), min(ok) FROM fixity") == small.rows("SELECT count(*), 1 FROM body")
    with Store.open(small.db) as store:
        (name,) = store.conn.execute(
            "SELECT b.sha256 FROM body AS b JOIN capture AS c USING (sha256) WHERE c.kind = 'report'"
            " AND b.sha256 NOT IN (SELECT dictionary FROM body WHERE dictionary IS NOT NULL)"
        ).fetchone()
        store.conn.execute("UPDATE body SET data = zeroblob(20) WHERE sha256 = ?", (name,))
    done = small.run()
    assert done.returncode == 1
    assert f"stored body {name} is damaged" in done.stdout


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [(["nowhere"], 2, "no portal has the key 'nowhere'"), (["quzhou-qujiang"], 2, "set GONGKAI_CONTACT")],
)
def test_what_cannot_be_crawled_is_said_before_anything_is_asked(
    small: Crawls, keys: list[str], code: int, words: str
) -> None:
    done = small.process([sys.executable, "-m", "crawler", *keys])
    assert done.returncode == code
    assert words in done.stderr
    assert not small.db.exists()


def test_a_malformed_portals_file_is_named_with_its_line(small: Crawls) -> None:
    small.portals.write_text("[replica]\nname = \n", encoding="utf-8")
    done = small.run()
    assert done.returncode == 2
    assert f"{small.portals}, line 2: not valid TOML" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["hanweb-jcms", "-a", "portal=nowhere"], 2, "no portal has the key 'nowhere'"),
        (["hanweb-jcms", "-a", "portal=replica", "-a", "portals=missing.toml"], 2, "missing.toml: cannot be read"),
        (
            ["trs-wcm", "-a", "portal=replica", "-a", "portals={portals}"],
            2,
            "is of the family hanweb-jcms, not trs-wcm",
        ),
        (["no-such-family"], 2, "no family is called no-such-family; there are: "),
        (["hanweb-jcms", "-a", "portal=replica", "-a", "portals={portals}"], 4, "is being written by another run"),
    ],
)
def test_what_scrapys_command_cannot_crawl_is_said_in_a_sentence(
    small: Crawls, arguments: list[str], code: int, words: str
) -> None:
    with Store.open(small.db, create=True):
        done = small.process([*SCRAPY, "crawl", *(a.format(portals=small.portals) for a in arguments)])
    assert done.returncode == code, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert small.site.log == []


def test_an_answer_in_json_in_a_reports_place_is_kept(small: Crawls) -> None:
    odd = next(iter(small.site.made))
    answer = Answer(b'{"code": 500, "message": "\xe7\xb3\xbb\xe7\xbb\x9f"}', media_type="application/json")
    small.site.faults.append(lambda query: answer if query.path == odd else None)
    done = small.run("--limit", "2")
    assert done.stderr == ""
    assert small.rows("SELECT kind, status FROM capture WHERE url = ?", [small.site.url + odd]) == [("report", 200)]


def test_a_list_that_our_own_reading_fails_on_is_kept_and_said(small: Crawls) -> None:
    broken = (
        "import sys\nfrom crawler import run\nfrom crawler.spiders import hanweb_jcms\n"
        "def listing(self, response):\n    raise RuntimeError('rows')\n"
        "hanweb_jcms.HanwebJcms.listing = listing\nsys.exit(run.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken, "replica", "--portals", str(small.portals)],
        cwd=ROOT, env=small.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert any("rows" in reason for reason in summary(done)["reasons"])
    kept = small.rows("SELECT url FROM capture WHERE kind = 'listing' AND sha256 IS NOT NULL")
    assert kept == [(small.site.url + COLUMN_PATH,)]
    assert small.rows("SELECT outcome FROM visit") == [("failed",)]
