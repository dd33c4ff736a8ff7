"""The registry: what is shipped holds, and every fault of a file is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.portals import SHIPPED, Portal, PortalError, choose, families, host_and_port, load

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
    )
    assert {portal.family for portal in portals.values()} <= families()
    assert all(host_and_port(portal.url)[0].endswith(".gov.cn") for portal in portals.values())


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
    with pytest.raises(PortalError, match=r"line 5: \[somewhere\] 127\.0\.0\.1 is no official host"):
        load()
    assert SHIPPED.name == "portals"


def test_an_unknown_key_is_named_with_what_is_near() -> None:
    with pytest.raises(PortalError, match=r"no portal has the key 'quzhou'; there are: quzhou-qujiang"):
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
