"""The registry: what is shipped holds, and every fault of a file is named with its line."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from archive.addresses import canonical_url
from crawler.portals import (
    FAMILIES,
    NEVER,
    PROVINCES,
    SHIPPED,
    Portal,
    PortalError,
    choose,
    crawlable,
    families,
    host_and_port,
    known_families,
    load,
    load_file,
    not_crawlable,
)
from parsers import regions

DOMAIN = Path(__file__).resolve().parents[2] / "shared" / "domain"

GOOD = """[somewhere]
name   = "某县人民政府"
region = "330803"
family = "hanweb-jcms"
url    = "http://127.0.0.1:8901/col/col1/index.html"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "portals.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_portals_hold() -> None:
    portals = load()
    assert portals["quzhou-qujiang"] == Portal(
        key="quzhou-qujiang",
        name="衢州市衢江区人民政府",
        region="330803",
        family="hanweb-jcms",
        url="http://www.qj.gov.cn/col/col1229000000/index.html",
        evidence="the district of the project's first report; neither host nor column number has been seen on a stored"
        " page",
    )
    for portal in portals.values():
        addresses = (portal.url, *portal.pages)
        assert all(host_and_port(url)[0].endswith(".gov.cn") for url in addresses), portal
        assert not any(re.fullmatch(r"[\d.]+", host_and_port(url)[0]) for url in addresses), portal
        assert portal.family in known_families()
        assert regions.lookup(portal.region) is not None, portal
        assert portal.name == portal.name.strip() and "(" not in portal.name
        assert len(portal.evidence) > 5 and portal.seen == NEVER
        assert list(portal.pages) == [canonical_url(url) for url in portal.pages]
        assert portal.listed != (urlsplit(portal.url).path in ("", "/")), portal
    lists = [canonical_url(portal.url) for portal in portals.values() if portal.listed]
    assert len(lists) == len(set(lists))


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_file_holds_one_province_in_order(path: Path) -> None:
    portals = load_file(path, shipped=True)
    assert {PROVINCES[portal.region[:2]] for portal in portals} == {path.stem}
    assert [(portal.region, portal.key) for portal in portals] == sorted((p.region, p.key) for p in portals)


def test_what_cannot_be_crawled_yet_says_why() -> None:
    places = not_crawlable()
    assert places == sorted(places, key=lambda place: place.region)
    used = {url for portal in load().values() for url in (portal.url, *portal.pages)}
    for place in places:
        assert host_and_port(place.url)[0].endswith(".gov.cn") and regions.lookup(place.region)
        assert len(place.reason) > 20 and place.evidence and place.url not in used


@pytest.mark.skipif(not DOMAIN.is_dir(), reason="the study of portals is not beside the project")
def test_every_row_of_the_study_is_in_the_registry_or_said_not_to_be_crawlable() -> None:
    portals, left = load(), {place.url for place in not_crawlable()}
    known = {canonical_url(url): p for p in portals.values() for url in (p.url, *p.pages)}
    with (DOMAIN / "portals.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 187
    for row in rows:
        url = row["report_or_column_url"]
        portal = known.get(canonical_url(url)) or next((p for p in portals.values() if url in p.evidence), None)
        if portal is None:
            assert url in left, row
            continue
        assert portal.family == {"other": "plain", "gov-cn": "plain"}.get(row["family"], row["family"]), row
        assert row["evidence"] in portal.evidence, row
        code = row["gb2260_code"]
        assert not code or portal.region == code or code.startswith(portal.region.rstrip("0")), row


@pytest.mark.skipif(not DOMAIN.is_dir(), reason="the study of portals is not beside the project")
def test_the_families_are_those_of_the_study_in_its_order() -> None:
    section = (DOMAIN / "portals.md").read_text(encoding="utf-8").partition("## 2.")[0]
    slugs = re.findall(r"^\| ([a-z-]+) \| ", section, re.MULTILINE)
    written = re.findall(r"^\[([a-z-]+)\]", FAMILIES.read_text(encoding="utf-8"), re.MULTILINE)
    ordered = [slug for slug in slugs if slug not in ("slug", "other")] + ["plain"]
    assert [family for family in written if family in ordered] == ordered
    assert written[-1] == "plain"


def test_a_family_without_a_spider_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.portals.SPIDERS", tmp_path)
    (tmp_path / "trs_wcm.py").touch()
    assert families() == {"trs-wcm"}
    portals = load()
    assert crawlable([portals["mva"]]) == [portals["mva"]]
    with pytest.raises(PortalError, match="yantai: the family hanweb-jcms has no spider yet"):
        crawlable([portals["mva"], portals["yantai"]])


def test_a_file_of_ones_own_comes_beside_the_shipped_portals(tmp_path: Path) -> None:
    portals = load([written(tmp_path, GOOD)])
    assert portals["somewhere"].region == "330803"
    assert "quzhou-qujiang" in portals
    assert [portal.key for portal in choose(portals, ["somewhere", "somewhere"])] == ["somewhere"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD + "hosts = [\n", 6, "not valid TOML"),
        (GOOD + 'name = "again"\n', 6, "not valid TOML"),
        (GOOD + GOOD, 6, "not valid TOML"),
        (GOOD.replace("330803", "33080"), 3, "region must be six digits"),
        (GOOD.replace('"330803"', "330803"), 3, "region must be a text"),
        (GOOD.replace("hanweb-jcms", "hanweb"), 4, 'family "hanweb" is unknown; known: epoint-ewb'),
        (GOOD.replace("http://", "ftp://"), 5, "is not an http(s) address"),
        (GOOD.replace("8901", "89011"), 5, "is not an http(s) address"),
        (GOOD + 'colour = "red"\n', 6, "unknown setting colour"),
        (GOOD + 'pages = "http://a.gov.cn/"\n', 6, "pages must be a list"),
        (GOOD + 'seen = "2026-13-01"\n', 6, "seen must be a day"),
        (GOOD + 'seen = "20260101"\n', 6, "seen must be a day"),
        (GOOD + "seen = 2026-01-01\n", 6, "seen must be a text"),
        (GOOD + 'list = "no"\n', 6, "list must be true or false"),
        (GOOD + "list = false\n", 6, "there is nothing to fetch"),
        ("\n" + GOOD.replace('region = "330803"\n', ""), 2, "lacks region"),
        (GOOD.replace("[somewhere]", "[Some_where]"), 1, "is not a key"),
        ('name = "x"\n' + GOOD, 1, "outside any portal's table"),
        (GOOD.replace("[somewhere]", "[yantai]"), 1, "is already a portal in"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PortalError) as error:
        load([path])
    assert str(error.value).startswith(f"{path}, line {line}: ")
    assert words in str(error.value)


def test_a_file_that_is_not_there_or_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(PortalError, match="cannot be read"):
        load([tmp_path / "none.toml"])
    path = tmp_path / "gbk.toml"
    path.write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(PortalError, match="line 2: not UTF-8"):
        load([path])


def test_a_shipped_file_names_official_hosts_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, GOOD)
    monkeypatch.setattr("crawler.portals.SHIPPED", tmp_path)
    with pytest.raises(PortalError, match=r"line 1: \[somewhere\] lacks evidence"):
        load()
    written(tmp_path, GOOD + 'evidence = "seen"\nseen = "2026-01-02"\n')
    with pytest.raises(PortalError, match=r"line 5: \[somewhere\] 127\.0\.0\.1 is no official host"):
        load()
    assert SHIPPED.name == "portals"


def test_an_unknown_key_is_named_with_what_is_near() -> None:
    with pytest.raises(PortalError, match=r"key .quzhou.; there are: quzhou-commerce, quzhou-qujiang"):
        choose(load(), ["quzhou"])


def test_what_a_portal_trusts() -> None:
    portal = Portal(
        "k", "n", "330803", "hanweb-jcms", "http://127.0.0.1:8901/", hosts=("www.a.gov.cn", "b.gov.cn:8080")
    )
    assert portal.trusts("127.0.0.1", 8901)
    assert not portal.trusts("127.0.0.1", 8902)
    assert portal.trusts("www.a.gov.cn", 443)
    assert not portal.trusts("www.a.gov.cn", 8080)
    assert portal.trusts("b.gov.cn", 8080)
    assert not portal.trusts("b.gov.cn", 80)
