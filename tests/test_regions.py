"""The table of regions: facts known from the published lists, its own consistency, and reading regions in names."""

from __future__ import annotations

import pytest

from parsers import regions


def codes(text: str, within: str | None = None, year: int | None = None) -> list[str]:
    return [region.code for region in regions.find(text, within, year=year)]


@pytest.mark.parametrize(
    ("code", "name", "level", "parent", "ended", "successor"),
    [
        ("000000", "中华人民共和国", "national", None, None, None),
        ("330000", "浙江省", "province", "000000", None, None),
        ("330800", "衢州市", "city", "330000", None, None),
        ("330802", "柯城区", "county", "330800", None, None),
        ("330803", "衢江区", "county", "330800", None, None),
        ("110105", "朝阳区", "county", "110000", None, None),
        ("110103", "崇文区", "county", "110000", 2010, "110101"),
        ("340400", "淮南市", "city", "340000", None, None),
        ("340405", "八公山区", "county", "340400", None, None),
        ("341400", "巢湖市", "city", "340000", 2011, None),
        ("320683", "通州市", "county", "320600", 2009, "320612"),
        ("371202", "莱城区", "county", "371200", 2018, "370116"),
        ("429004", "仙桃市", "county", "420000", None, None),
        ("460300", "三沙市", "city", "460000", None, None),
        ("522201", "铜仁市", "county", "522200", 2011, "520602"),
        ("130421", "邯郸县", "county", "130400", 2016, None),
        ("540581", "错那市", "county", "540500", None, None),
    ],
)
def test_known_facts(
    code: str, name: str, level: str, parent: str | None, ended: int | None, successor: str | None
) -> None:
    region = regions.lookup(code)
    assert region is not None
    assert region[:4] == (code, name, level, parent)
    assert (region.valid_to, region.successor) == (ended, successor)


def test_years_of_a_conversion_meet() -> None:
    before, after = regions.lookup("330183"), regions.lookup("330111")
    assert before is not None and after is not None
    assert (before.name, after.name) == ("富阳市", "富阳区")
    assert before.valid_to == after.valid_from == 2014
    assert before.valid_in(2014) and after.valid_in(2014)
    assert not before.valid_in(2015) and not after.valid_in(2013)


def test_what_is_no_code() -> None:
    for code in ("", "330899", "3308", "330803000000", "340401", "130171", "999999"):
        assert regions.lookup(code) is None, code
    with pytest.raises(KeyError, match="330899"):
        regions.full_name("330899")
    with pytest.raises(KeyError, match="999999"):
        regions.find("衢江区", within="999999")


def test_hierarchy_is_closed() -> None:
    above = {"county": {"city", "province"}, "city": {"province"}, "province": {"national"}}
    every = regions.regions()
    assert len(every) == len({region.code for region in every}) > 3500
    assert [region.code for region in every] == sorted(region.code for region in every)
    for region in every[1:]:
        parent = regions.lookup(region.parent or "")
        assert parent is not None and parent.level in above[region.level], region
        assert parent.code[:2] == region.code[:2] or parent.code == "000000", region
        assert parent.valid_to is None or parent.valid_to >= (region.valid_to or 9999), region


def test_years_and_successors_are_consistent() -> None:
    for region in regions.regions():
        assert region.valid_to is None or (region.valid_from or 1980) <= region.valid_to >= 2008, region
        if region.successor is None:
            continue
        heir = regions.lookup(region.successor)
        assert region.valid_to is not None and heir is not None, region
        assert (
            heir.level == region.level or (region.name, region.level) == ("儋州市", "county") or "群岛" in (region.name)
        ), region
        assert heir.code[:2] == region.code[:2], region
        assert heir.valid_in(region.valid_to), region


@pytest.mark.parametrize(
    ("year", "prefectures", "counties"),
    [(2009, 333, 2858), (2010, 333, 2856), (2011, 332, 2853), (2012, 333, 2852), (2013, 333, 2853), (2014, 333, 2854),
     (2015, 334, 2850), (2016, 334, 2851), (2017, 334, 2851), (2018, 333, 2851), (2019, 333, 2846), (2020, 333, 2844),
     (2021, 333, 2843), (2023, 333, 2844)],
)  # fmt: skip
def test_as_many_as_the_ministry_counts(year: int, prefectures: int, counties: int) -> None:
    """The Ministry of Civil Affairs' yearly bulletin counts at the year's end; it leaves out the islands of Hainan."""
    alive = [region for region in regions.regions() if region.valid_in(year) and region.valid_to != year]
    levels = [region.level for region in alive if not region.name.startswith(("西沙群岛", "南沙群岛", "中沙群岛"))]
    assert (levels.count("province"), levels.count("city"), levels.count("county")) == (34, prefectures, counties)


@pytest.mark.parametrize(
    ("code", "full", "shown"),
    [
        ("330803", "浙江省衢州市衢江区", "衢州市衢江区"),
        ("330825", "浙江省衢州市龙游县", "龙游县"),
        ("330881", "浙江省衢州市江山市", "江山市"),
        ("330800", "浙江省衢州市", "衢州市"),
        ("330000", "浙江省", "浙江省"),
        ("110105", "北京市朝阳区", "北京市朝阳区"),
        ("500235", "重庆市云阳县", "重庆市云阳县"),
        ("429021", "湖北省神农架林区", "神农架林区"),
        ("140109", "山西省太原市万柏林区", "太原市万柏林区"),
        ("520203", "贵州省六盘水市六枝特区", "六枝特区"),
        ("000000", "中华人民共和国", "中华人民共和国"),
    ],
)
def test_names(code: str, full: str, shown: str) -> None:
    assert regions.full_name(code) == full
    assert regions.display_name(code) == shown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("衢州市衢江区民政局", ["330803", "330800"]),
        ("浙江省衢州市衢江区民政局", ["330803", "330800", "330000"]),
        ("国家税务总局龙游县税务局", ["330825"]),
        ("浙江衢州衢江区", ["330803", "330800", "330000"]),
        ("四川省经济合作局", ["510000"]),
        ("广西北部湾经济区规划建设管理办公室", ["450000"]),
        ("民和县民政局", ["630222"]),
        ("恩施州民政局", ["422800"]),
        ("海南州人民政府", ["632500"]),
        ("海南省人民政府", ["460000"]),
        ("乌海市海南区", ["150303", "150300"]),
        ("青岛市市北区司法局", ["370203", "370200"]),
        ("阳泉市城区", ["140302", "140300"]),
        ("吉林市", ["220200"]),
        ("邢台市桥东区", ["130502", "130500"]),
        ("上海市南京西路街道办事处", ["310000"]),
        ("浙江省人民政府驻北京办事处", ["330000"]),
        ("退役军人事务部", []),
        ("主城区建设办公室", []),
        ("", []),
    ],
)
def test_regions_in_a_name(text: str, found: list[str]) -> None:
    assert codes(text) == found


def test_a_name_that_several_regions_bear() -> None:
    assert codes("鼓楼区司法局") == ["320106", "320302", "350102", "410204"]
    assert codes("江苏省鼓楼区司法局") == ["320106", "320302", "320000"]
    assert codes("鼓楼区司法局", within="320300") == ["320302"]
    assert codes("衢江区民政局", within="320000") == []
    assert codes("衢江区民政局", within="000000") == ["330803"]


def test_the_year_decides_between_old_and_new() -> None:
    assert codes("崇川区审计局") == codes("崇川区审计局", year=2023) == ["320613"]
    assert codes("崇川区审计局", year=2015) == ["320602"]
    assert codes("铜仁市人民政府") == ["520600"]
    assert codes("铜仁市人民政府", year=2009) == ["522201"]
    assert codes("双桥区司法局", year=2010) == ["130802", "500111"]
    assert codes("双桥区司法局", year=2013) == ["130802"], "the other has had another name since 2011"
    assert codes("崇文区人民政府") == ["110103"]
    assert codes("襄樊市人民政府", year=2009) == ["420600"]
