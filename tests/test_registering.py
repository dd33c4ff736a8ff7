"""Tables written into portals files: in their place, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crawler.portals import SHIPPED, Portal, PortalError, load_file
from crawler.registering import add, key_for, mark_seen, shipped_file, table

NEW = Portal(
    "a-new-one",
    '某县"人民\\政府',
    "330803",
    "trs-wcm",
    "http://www.new.gov.cn/zfxxgknb/",
    pages=("http://www.new.gov.cn/zfxxgknb/202201/t20220101_1.html",),
    evidence="a test",
    seen="2026-01-02",
)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("crawler.registering.SHIPPED", tmp_path)
    for path in SHIPPED.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_table_is_what_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    home = replace(NEW, key="home", listed=False, hosts=("b.gov.cn:81",))
    for portal in (NEW, home):
        add(portal, path)
    assert load_file(path, shipped=False) == [NEW, home]
    assert path.read_text(encoding="utf-8") == table(NEW) + "\n" + table(home)


def test_a_shipped_file_keeps_its_order_and_the_rest_of_its_text(shipped: Path) -> None:
    path = shipped_file(NEW.region)
    assert path == shipped / "zhejiang.toml"
    before = path.read_text(encoding="utf-8")
    add(NEW, path)
    portals = load_file(path, shipped=True)
    assert NEW in portals
    assert [(p.region, p.key) for p in portals] == sorted((p.region, p.key) for p in portals)
    assert path.read_text(encoding="utf-8").replace(table(NEW) + "\n", "") == before
    last = replace(NEW, key="z", region="331199")
    add(last, path)
    assert load_file(path, shipped=True)[-1] == last
    assert shipped_file("710000") is None


def test_a_new_province_gets_its_file(shipped: Path) -> None:
    (shipped / "xizang.toml").unlink()
    path = shipped_file("540100")
    assert path is not None
    add(replace(NEW, region="540100"), path)
    assert path.read_text(encoding="utf-8").startswith("# 西藏自治区, xizang.toml: ")
    assert len(load_file(path, shipped=True)) == 1


def test_what_would_not_load_is_not_written(shipped: Path) -> None:
    path = shipped / "zhejiang.toml"
    before = path.read_bytes()
    with pytest.raises(PortalError, match="is no official host"):
        add(replace(NEW, url="http://www.new.example.com/"), path)
    with pytest.raises(PortalError, match="has a portal quzhou-qujiang already"):
        add(replace(NEW, key="quzhou-qujiang"), path)
    assert path.read_bytes() == before and not list(shipped.glob(".*"))


def test_the_day_it_was_seen_to_work_is_written(shipped: Path, tmp_path: Path) -> None:
    path = shipped / "shandong.toml"
    before = path.read_text(encoding="utf-8")
    assert mark_seen(path, ["yantai", "qingdao", "nowhere"], "2026-01-02") == ["qingdao", "yantai"]
    assert {p.key for p in load_file(path, shipped=True) if p.seen == "2026-01-02"} == {"qingdao", "yantai"}
    changed = zip(before.splitlines(), path.read_text(encoding="utf-8").splitlines(), strict=True)
    assert [line for line in changed if line[0] != line[1]] == [('seen     = "never"', 'seen     = "2026-01-02"')] * 2
    mine = tmp_path / "of-ones-own" / "mine.toml"
    mine.parent.mkdir()
    mine.write_text('[x] # mine\nname = "a"\nregion = "330803"\nfamily = "plain"\nurl = "http://127.0.0.1/"\n\n# end\n')
    assert mark_seen(mine, ["x"], "2026-01-02") == ["x"]
    assert load_file(mine, shipped=False)[0].seen == "2026-01-02"


def test_a_key_comes_from_the_host() -> None:
    assert key_for("http://mzj.jinhua.gov.cn/a/", ()) == "jinhua-mzj"
    assert key_for("http://www.qj.gov.cn/col/col12/index.html", ()) == "qj"
    assert key_for("http://www.qj.gov.cn/col/col12/index.html", ("qj",)) == "qj-col12"
    assert key_for("http://www.qj.gov.cn/", ("qj",)) == "qj-2"
    assert key_for("http://127.0.0.1:8901/", ()) == "127-0-0-1-8901"
