"""`gongkai portals add` and `check` on loopback replicas, through the real command, Scrapy and the project's manners.

One run asks many sites, since a process can start Twisted's reactor once; each test looks at its own site's result.
The pages before the columns are reconstructed (`crawler/replica/home.py`); places are made up but for their names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from click.testing import CliRunner
from conftest import ROOT, Crawls
from replicas import Replica, every, sites

from archive.addresses import canonical_url
from crawler.discovery import Column, Search
from crawler.portals import SHIPPED, Portal, families, load, load_file, not_crawlable
from crawler.replica.county import COUNTY
from crawler.replica.hanweb_jcms import COLUMN_PATH, HanwebJcmsSite
from crawler.replica.home import WAYS, add_home
from crawler.replica.reports import fill, tables_html
from crawler.replica.site import Answer, Site
from crawler.replica.traps import FamilySite
from crawler.verbs import _settle as settle
from gongkai import main

PLACE = "龙游县"
CHALLENGE = b"<html><script>$_ts=window['$_ts'];if(!$_ts)$_ts={};$_ts.nsd=71;</script><body></body></html>"


TRS_COLUMN = "/zwgk/zfxxgknb/index.html"
REPORT = "/zwgk/zfxxgknb/202201/t20220110_8800.html"


class TrsSite(Site):
    """A TRS column of three reports on one page, and nothing before it."""

    def __init__(self) -> None:
        super().__init__()
        lines = []
        for number, body in enumerate(("民政局", "教育局", "财政局")):
            path, title = f"202201/t2022011{number}_880{number}.html", f"{PLACE}{body}2021年政府信息公开工作年度报告"
            tables = "".join(tables_html(fill(2021, body)).values())
            self.pages[f"/zwgk/zfxxgknb/{path}"] = page(f"<h1>{title}</h1>{tables}", title)
            lines.append(f'<li><a href="./{path}" title="{title}">{title[:8]}…</a><span>2022-01-1{number}</span></li>')
        pager = '<script>createPageHTML(1, 0, "index", "html");</script>'
        self.pages[TRS_COLUMN] = page(f"<ul>{''.join(lines)}</ul>{pager}", "")


class Done(NamedTuple):
    """One run of the command: its exit code, its JSON, what it said."""

    code: int
    results: dict[str, dict[str, Any]]
    said: str


def gongkai(*arguments: str, contact: str | None = None) -> Done:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGKAI_", "SCRAPY_"))}
    kept |= {"GONGKAI_LOOPBACK_DELAY": "0"} | ({"GONGKAI_CONTACT": contact} if contact else {})
    command = [sys.executable, "-m", "gongkai", "portals", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=120, check=False)
    items = json.loads(done.stdout)["portals"] if done.stdout else []
    return Done(done.returncode, {item.get("asked") or item["key"]: item for item in items}, done.stderr)


def page(text: str, title: str = f"{PLACE}人民政府") -> Answer:
    return Answer(f'<html><head><meta charset="utf-8"><title>{title}</title></head><body>{text}</body></html>'.encode())


def other_sites() -> dict[str, Site]:
    """Sites that hold no column, or hold it in an odd way, by what is odd."""
    names = "empty loop closed blocked gone year report plain wide nameless api"
    made = {name: Site() for name in names.split()}
    made["empty"].pages["/"] = page('<a href="/zfxxgk/">政府信息公开</a><a href="/zfwznb/">政府网站工作年度报表</a>')
    made["empty"].pages["/zfxxgk/"] = page('<a href="/zn.html">政府信息公开指南</a>')
    for number in range(40):
        links = "".join(f'<a href="/{n}/">政府信息公开</a>' for n in range(number * 2 + 1, number * 2 + 9))
        made["loop"].pages[f"/{number}/" if number else "/"] = page(links)
    made["closed"].pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /\n", media_type="text/plain")
    made["closed"].pages["/"] = page('<a href="/nb/">政府信息公开年报</a>')
    made["blocked"].pages["/"] = Answer(CHALLENGE, status=412)
    # a column that leads on to its newest year: next January that is another
    trs = TrsSite()
    made["year"].pages |= {path.replace("/zfxxgknb/", "/zfxxgknb/2021n/"): a for path, a in trs.pages.items()}
    trs.close()
    made["year"].pages["/zwgk/zfxxgknb/"] = Answer(
        status=302, headers=(("Location", "/zwgk/zfxxgknb/2021n/index.html"),)
    )
    made["year"].pages["/"] = page('<a href="/zwgk/zfxxgknb/">政府信息公开年报</a>', f"首页-{PLACE}人民政府门户网站")
    # a report page, given instead of the home page: no menu leads on, the address does
    made["report"].pages |= made["year"].pages | {
        "/zwgk/zfxxgknb/": made["year"].pages["/zwgk/zfxxgknb/2021n/index.html"]
    }
    lines = "".join(
        f'<li><a href="/doc/{n}.html">{PLACE}{body}2022年政府信息公开工作年度报告</a><span>2023-01-1{n}</span></li>'
        for n, body in enumerate(("教育局", "民政局", "水利局", "财政局"))
    )
    made["plain"].pages["/"] = page('<a href="http://www.gov.cn/">政府信息公开</a><a href="/xxgk.html">信息公开</a>')
    made["plain"].pages["/xxgk.html"] = page(
        f"<h1>政府信息公开年报</h1><ul>{lines}</ul>", f"政府信息公开年报_{PLACE}人民政府"
    )
    made["api"].pages["/"] = page('<a href="/api/nb">政府信息公开年报</a>')
    made["api"].pages["/api/nb"] = Answer(b'{"a": [1]}', media_type="application/json")
    trs = TrsSite()
    made["nameless"].pages |= trs.pages | {"/": page(f'<a href="{TRS_COLUMN}">年报</a>', "首页")}
    trs.close()
    # reports stand among the news of a home page that has no column
    made["wide"].pages["/"] = page(
        f"<ul>{lines}</ul>" + "".join(f'<a href="/n/{n}.html">要闻{n}</a>' for n in range(30))
    )
    return made


class Added(NamedTuple):
    done: Done
    sites: dict[str, Site]
    file: Path

    def of(self, name: str, path: str = "/") -> dict[str, Any]:
        return self.done.results[self.sites[name].url + path]


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Added]:
    """Every site asked for its column in one run, into one file."""
    sites = other_sites()
    for way in WAYS:
        site: Site = TrsSite() if way != "json" else HanwebJcmsSite(years=(2022,))
        sites[way] = site
        add_home(site, TRS_COLUMN if way != "json" else COLUMN_PATH, place=PLACE, way=way)
    asked = [site.url + "/" for name, site in sites.items() if name != "report"]
    asked.append(sites["report"].url + "/zwgk/zfxxgknb/2021n/202201/t20220110_8800.html")
    file = tmp_path_factory.mktemp("add") / "mine.toml"
    with ExitStack() as stack:
        for site in sites.values():
            stack.enter_context(site)
        yield Added(gongkai("add", *asked, "--portals", str(file)), sites, file)


@pytest.mark.parametrize("way", WAYS)
def test_a_column_is_found_however_the_menu_is_written(added: Added, way: str) -> None:
    result, site = added.of(way), added.sites[way]
    family, column = ("hanweb-jcms", COLUMN_PATH) if way == "json" else ("trs-wcm", TRS_COLUMN)
    assert result["problem"] is None, result
    portal = {p.key: p for p in load_file(added.file, shipped=False)}[result["key"]]
    assert (portal.family, portal.url, portal.name) == (family, site.url + column, f"{PLACE}人民政府")
    assert portal.region == "330825" and portal.evidence.startswith("gongkai portals add, from http://127.0.0.1:")
    paths = [line.query.path for line in site.log]
    assert paths[0] == "/robots.txt" and len(paths) <= 6 and len(paths) == len(set(paths))
    assert not {"/zfwznb/", "/czyjs/", "/zfxxgk/zn.html", "/xwdt/2.html"} & set(paths)


def test_where_there_is_no_column_what_was_seen_is_said(added: Added) -> None:
    result = added.of("empty")
    assert "no annual-report column" in result["problem"] and result["table"] is None and not result["closed"]
    assert [step["url"].removeprefix(added.sites["empty"].url) for step in result["steps"]] == ["/", "/zfxxgk/"]
    assert added.of("gone")["steps"][0]["seen"].startswith("gone: 404")
    assert "no annual-report column" in added.of("wide")["problem"]
    assert added.of("api")["steps"][1]["seen"] == "no web page"


def test_the_search_is_bounded_and_polite(added: Added) -> None:
    assert len(added.of("loop")["steps"]) == 12
    assert len(added.sites["loop"].log) == 13  # robots.txt too
    assert all(line.together == 1 for site in added.sites.values() for line in site.log)
    assert "robots.txt does not allow" in added.of("closed")["steps"][0]["seen"]
    assert [line.query.path for line in added.sites["closed"].log] == ["/robots.txt"]
    assert added.of("closed")["closed"] and added.of("blocked")["closed"]
    assert added.of("blocked")["steps"][0]["seen"].startswith("blocked: status 412")


def test_the_address_of_the_newest_year_is_not_kept(added: Added) -> None:
    portals = {p.key: p for p in load_file(added.file, shipped=False)}
    assert portals[added.of("year")["key"]].url == added.sites["year"].url + "/zwgk/zfxxgknb/"


def test_a_report_s_page_leads_to_its_column(added: Added) -> None:
    result = added.of("report", "/zwgk/zfxxgknb/2021n/202201/t20220110_8800.html")
    portal = {p.key: p for p in load_file(added.file, shipped=False)}[result["key"]]
    # the column's page names no site: the home page is asked for that
    assert (portal.url, portal.name) == (f"{added.sites['report'].url}/zwgk/zfxxgknb/", f"{PLACE}人民政府")
    assert [line.query.path for line in added.sites["report"].log][-1] == "/"


def test_where_nothing_names_the_site_the_command_asks_for_it(added: Added) -> None:
    result = added.of("nameless")
    assert "--name and --region" in result["problem"] and result["file"] is None
    assert f'url      = "{added.sites["nameless"].url}{TRS_COLUMN}"' in result["table"]


def test_a_list_of_ordinary_links_is_plain(added: Added) -> None:
    portals = {p.key: p for p in load_file(added.file, shipped=False)}
    portal = portals[added.of("plain")["key"]]
    assert (portal.family, portal.url) == ("plain", added.sites["plain"].url + "/xxgk.html")


def test_the_run_ends_with_the_code_of_someone_must_look(added: Added) -> None:
    assert added.done.code == 1 and "Traceback" not in added.done.said


class Everywhere(NamedTuple):
    replicas: dict[str, Replica]
    added: Done
    checked: Done
    table: dict[str, Portal]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Everywhere:
    """A replica of each kind of portal, found from its home page, then checked by what was written."""
    replicas, file = every(), tmp_path_factory.mktemp("every") / "mine.toml"
    for number, (key, replica) in enumerate(replicas.items()):
        if isinstance(replica.site, FamilySite) or key == "hanweb-jcms":
            add_home(replica.site, replica.column, place=replica.place, way=WAYS[number % len(WAYS)])
    made_up = [key for key, replica in replicas.items() if replica.place == COUNTY]
    with ExitStack() as stack:
        for site in sites(replicas):
            stack.enter_context(site)
        homes = {key: f"{replica.site.url}/" for key, replica in replicas.items()}
        added = gongkai("add", *homes.values(), "--portals", str(file))
        written = {portal.key: portal for portal in load_file(file, shipped=False)}
        # an invented county has no code that its name could tell
        tables = [f"{added.results[homes[key]]['table']}\n".replace('"?"', '"330825"') for key in made_up]
        file.write_text(file.read_text(encoding="utf-8") + "\n".join(tables), encoding="utf-8")
        checked = gongkai("check", "--portals", str(file), *written, *(added.results[homes[k]]["key"] for k in made_up))
    portals = {portal.key: portal for portal in load_file(file, shipped=False)}
    table = {key: portals[added.results[home]["key"]] for key, home in homes.items()}
    return Everywhere(replicas, added, checked, table)


@pytest.mark.parametrize("key", sorted(families() | {"hanweb-jcms-2", "hanweb-xxgk-2", "lonsun-2"}))
def test_every_family_s_column_is_found_from_the_home_page(everywhere: Everywhere, key: str) -> None:
    replica, portal = everywhere.replicas[key], everywhere.table[key]
    result = everywhere.added.results[f"{replica.site.url}/"]
    assert portal.family == replica.family, result["steps"]
    assert portal.url == canonical_url(replica.site.url + replica.column), result["steps"]
    assert portal.name == f"{replica.place}人民政府" or portal.name.endswith(f"{replica.place}人民政府")
    if replica.place != COUNTY:
        assert portal.region == replica.region and result["problem"] is None
    assert len(result["steps"]) <= 6


@pytest.mark.parametrize("key", sorted(families() | {"hanweb-jcms-2", "hanweb-xxgk-2", "lonsun-2"}))
def test_every_family_s_column_is_reachable_to_a_check(everywhere: Everywhere, key: str) -> None:
    result = everywhere.checked.results[everywhere.table[key].key]
    assert result["state"] == "reachable", result


def portal(key: str, url: str, **more: str) -> str:
    settings = {"name": '"龙游县人民政府"', "region": '"330825"', "family": '"trs-wcm"', "url": f'"{url}"', **more}
    return f"[{key}]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()) + "\n"


def test_check_tells_the_states_apart(tmp_path: Path) -> None:
    sites = {name: Site() for name in ("empty", "moved", "gone", "blocked", "refused", "failed", "page", "shell")}
    lists: dict[str, Site] = {"trs": TrsSite(), "jcms": HanwebJcmsSite(years=(2022,))}
    sites["empty"].pages["/nb/"] = page("<p>栏目正在整理</p>" * 80)
    sites["moved"].pages["/nb/"] = Answer(status=301, headers=(("Location", "/new/nb/index.html"),))
    sites["moved"].pages["/new/nb/index.html"] = lists["trs"].pages[TRS_COLUMN]
    sites["blocked"].pages["/nb/"] = Answer(CHALLENGE, status=412)
    sites["refused"].pages["/robots.txt"] = Answer(b"", status=503)
    sites["failed"].pages["/nb/"] = Answer(b"", status=500)
    sites["page"].pages["/nb/1.html"] = lists["trs"].pages[REPORT]
    sites["shell"].pages["/nb/"] = page('<iframe src="/list.html"></iframe>')
    sites["shell"].pages["/list.html"] = lists["trs"].pages[TRS_COLUMN]
    tables = [portal(name, site.url + "/nb/") for name, site in sites.items() if name != "page"]
    pages = f'["{sites["page"].url}/nb/1.html"]'
    tables.append(portal("page", sites["page"].url + "/", list="false", pages=pages))
    tables.append(portal("trs", lists["trs"].url + TRS_COLUMN, seen='"2020-01-01"'))
    tables.append(portal("jcms", lists["jcms"].url + COLUMN_PATH, family='"hanweb-jcms"'))
    file = tmp_path / "mine.toml"
    file.write_text("".join(tables), encoding="utf-8")
    keys = [*sites, *lists]
    with ExitStack() as stack:
        for site in (*sites.values(), *lists.values()):
            stack.enter_context(site)
        done = gongkai("check", "--portals", str(file), *keys, "--mark")
        closed = gongkai("check", "--portals", str(file), "blocked", "refused")
    states = {key: item["state"] for key, item in done.results.items()}
    reachable = {"page", "shell", "trs", "jcms"}
    assert states == {key: key for key in sites if key not in reachable} | dict.fromkeys(reachable, "reachable")
    assert list(states) == keys and done.code == 1 and closed.code == 3, done.said
    assert done.results["moved"]["url"] == sites["moved"].url + "/new/nb/index.html"
    assert done.results["trs"]["told"] == "3 lines, 3 by title annual reports, 0 further columns"
    assert "declared" in done.results["jcms"]["told"]
    for name, site in (sites | lists).items():
        asked = [line for line in site.log if line.query.path != "/robots.txt"]
        assert len(asked) <= (6 if name == "failed" else 2), name  # an error is asked for three times, as in a crawl
    marked = {p.key for p in load_file(file, shipped=False) if p.seen not in ("never", "2020-01-01")}
    assert marked == reachable


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "yantai"], "set GONGKAI_CONTACT"),
        (["add", "http://www.yantai.gov.cn/"], "set GONGKAI_CONTACT"),
        (["check", "nowhere"], "no portal has the key 'nowhere'"),
        (["add", "ftp://www.yantai.gov.cn/"], "is no web address"),
        (["add", "www.yantai.gov.cn"], "is no web address"),
        (["add", "http://127.0.0.1:9/", "--region", "999999"], "no code of GB/T 2260"),
        (["add", "http://127.0.0.1:9/", "--key", "A_b"], "is no key"),
        (["add", "http://127.0.0.1:9/", "http://127.0.0.1:8/", "--name", "x"], "one URL at a time"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GONGKAI_CONTACT", raising=False)
    done = CliRunner().invoke(main, ["portals", *arguments])
    assert done.exit_code == 2 and words in done.stderr, done.output


def test_a_family_without_a_spider_is_said_and_not_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONGKAI_CONTACT", "test@example.org")
    monkeypatch.setattr("crawler.portals.SPIDERS", tmp_path)
    done = CliRunner().invoke(main, ["crawl", "yantai", "--db", str(tmp_path / "x.db")])
    assert done.exit_code == 2 and not (tmp_path / "x.db").exists()
    assert done.stderr == "gongkai: yantai: the family hanweb-jcms has no spider yet (docs/portals.md)\n"
    done = CliRunner().invoke(main, ["portals", "check", "yantai"])
    assert done.exit_code == 1 and "no_spider" in done.stdout


def test_the_list_shows_every_portal_and_what_cannot_be_crawled() -> None:
    done = CliRunner().invoke(main, ["portals", "list", "--json"])
    shown = json.loads(done.stdout)
    assert done.exit_code == 0 and [item["key"] for item in shown["portals"]] == list(load())
    yantai = next(item for item in shown["portals"] if item["key"] == "yantai")
    assert yantai["seen"] == "never" and yantai["list"] is True and yantai["evidence"].startswith("link quoted")
    assert [place["url"] for place in shown["not_crawlable"]] == [place.url for place in not_crawlable()]
    text = CliRunner().invoke(main, ["portals", "list"]).stdout
    assert all(place.url[:40] in text for place in not_crawlable()) and "暂不能抓取" in text


def test_a_portal_without_a_list_has_its_pages_crawled(tmp_path: Path) -> None:
    with TrsSite() as site:
        crawls = Crawls(cast(Any, site), tmp_path)
        page = f'["{site.url}{REPORT}"]'
        crawls.describe(family='"trs-wcm"', url=f'"{site.url}/"', list="false", pages=page)
        done = crawls.run()
        assert done.returncode == 0, done.stderr
        assert crawls.outcomes() == {"new": 1}
        visit = crawls.rows("SELECT declared, found, outcome, note FROM visit")
        assert visit == [(None, 0, "finished", "no list is known; its pages are fetched")]
        assert {line.query.path for line in site.log} == {"/robots.txt", REPORT}


def settled(search: Search, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"file": None, "only_print": False, "name": None, "region": None, "key": None} | given
    return settle("http://www.new.gov.cn/", search, **options)


def test_an_official_portal_goes_into_the_file_of_its_province(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search's end is given here: no host but this machine's can be asked in a test."""
    monkeypatch.setattr("crawler.registering.SHIPPED", tmp_path)
    (tmp_path / "zhejiang.toml").write_bytes((SHIPPED / "zhejiang.toml").read_bytes())
    column = Column("http://www.new.gov.cn/zfxxgknb/", "trs-wcm", "its source", "龙游县人民政府", "330825")
    search = Search(column, [], ["ok"])
    result = settled(search)
    assert result["problem"] is None and result["file"] == str(tmp_path / "zhejiang.toml")
    written = {p.key: p for p in load_file(tmp_path / "zhejiang.toml", shipped=True)}["new"]
    assert (written.region, written.url, written.family) == ("330825", column.url, "trs-wcm")
    assert settled(search, only_print=True, key="another")["file"] is None
    bureau = settled(search, name="衢州市衢江区教育局", key="third")
    assert 'region   = "330803"' in bureau["table"], "a name that is given tells the region before the site's"
    taken = settled(search, key="yantai")
    assert "there is a portal yantai already" in taken["problem"]
    for url in ("https://www.yantai.gov.cn/col/col11807/index.html", load()["yantai"].url):
        known = settled(Search(column._replace(url=url), [], ["ok"]))
        assert known["key"] == "yantai" and known["known"] and known["file"] == load()["yantai"].source
