"""The archive's pure parts: addresses, ids, bodies, names of agencies."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from archive import agencies, bodies, ids
from archive.addresses import canonical_url


@pytest.mark.parametrize(
    ("listed", "canonical"),
    [
        ("HTTP://WWW.QJ.gov.CN:80/Art/A_1.html#top", "http://www.qj.gov.cn/Art/A_1.html"),
        ("https://a.gov.cn:443", "https://a.gov.cn/"),
        ("http://a.gov.cn:8080/x", "http://a.gov.cn:8080/x"),
        ("http://a.gov.cn/x;jsessionid=0A1B.n1?b=2&a=1", "http://a.gov.cn/x?b=2&a=1"),
        ("http://a.gov.cn/t20200123_1473875_wap.html", "http://a.gov.cn/t20200123_1473875.html"),
        ("http://a.gov.cn/t1.html?isMobile=false", "http://a.gov.cn/t1.html"),
        ("http://a.gov.cn/l.do?_=1700000000&page=2&_=3", "http://a.gov.cn/l.do?page=2"),
        ("http://a.gov.cn/l.do?q=%E5%B9%B4&empty=", "http://a.gov.cn/l.do?q=%E5%B9%B4&empty="),
        ("http://[::1]:8001/x", "http://[::1]:8001/x"),
        ("urn:sha256:00ff", "urn:sha256:00ff"),
        ("http://[broken/x", "http://[broken/x"),
    ],
)
def test_canonical_url(listed: str, canonical: str) -> None:
    assert canonical_url(listed) == canonical
    assert canonical_url(canonical) == canonical


@given(st.text(alphabet="htp:/.?&=#;_awpmljsessionid[]@A0 ", max_size=60).map(lambda tail: "http://A.cn" + tail))
def test_the_canonical_form_of_a_canonical_url_is_itself(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


def test_ids_are_those_of_the_design() -> None:
    # sha256("abc") = ba7816bf8f01 cfea…
    assert ids.report_id("abc") == 0xBA7816BF8F01
    assert ids.agency_id("330803", "衢州市衢江区民政局") == ids.report_id("330803\n衢州市衢江区民政局")
    assert ids.agency_id(None, "甲局") == ids.agency_id("", "甲局") != ids.agency_id("330803", "甲局")
    assert len(ids.capture_id("c", "u", "t")) == 16
    assert ids.capture_id("c", "u", "t") != ids.capture_id("c", "ut", "")
    assert re.fullmatch(r"20260118T021500Z-[0-9a-f]{6}", ids.new_crawl_id("2026-01-18T02:15:00Z"))
    with pytest.raises(ValueError, match="looks like"):
        ids.new_crawl_id("2026-01-18 02:15")


@given(st.binary(max_size=3000), st.one_of(st.none(), st.binary(min_size=8, max_size=500)))
def test_bodies_read_back(body: bytes, dictionary: bytes | None) -> None:
    encoded = bodies.compress(body, dictionary)
    assert len(encoded.data) <= len(body)
    assert bodies.restore(bodies.digest(body), *encoded, dictionary) == body


def test_a_body_that_begins_with_the_dictionary_magic_serves_as_dictionary() -> None:
    dictionary = b"\x37\xa4\x30\xec" + b"government information disclosure " * 20
    body = b"government information disclosure annual report " * 3
    encoded = bodies.compress(body, dictionary)
    assert len(encoded.data) < len(bodies.compress(body).data)
    assert bodies.restore(bodies.digest(body), *encoded, dictionary) == body


def test_what_is_refused_before_decompression() -> None:
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 999)
    with pytest.raises(bodies.Damaged, match="states no size"):
        bodies.decompress("zstd", unsized)
    bomb = bodies.compress(bytes(1_000_000)).data
    assert len(bomb) < 1000
    with pytest.raises(bodies.Damaged, match="over the cap"):
        bodies.decompress("zstd", bomb, cap=999_999)
    with pytest.raises(bodies.Damaged, match="cannot be read"):
        bodies.decompress("zstd", b"no frame at all")
    with pytest.raises(bodies.Damaged, match="cannot be read"):
        bodies.decompress("zstd", bomb + b"more")
    with pytest.raises(bodies.Damaged, match="unknown encoding"):
        bodies.decompress("gzip", b"")
    with pytest.raises(ValueError, match="over the"):
        bodies.compress(bytes(bodies.LARGEST + 1))


class Region(NamedTuple):
    name: str
    level: str
    parent: str | None


REGIONS = {
    "330000": Region("浙江省", "province", None),
    "330800": Region("衢州市", "city", "330000"),
    "330803": Region("衢江区", "county", "330800"),
    "330824": Region("开化县", "county", "330800"),
}
QUJIANG = agencies.Portal("衢州市衢江区人民政府", "330803")


@pytest.mark.parametrize(
    ("printed", "title", "publisher", "portal", "region", "full"),
    [
        ("衢州市衢江区民政局", None, None, QUJIANG, "330803", "衢州市衢江区民政局"),
        ("区民政局", None, None, QUJIANG, "330803", "衢州市衢江区民政局"),
        ("衢江区民政局", None, None, QUJIANG, "330803", "衢州市衢江区民政局"),
        ("民政局", None, None, QUJIANG, "330803", "衢州市衢江区民政局"),
        ("衢州市民政局", None, None, QUJIANG, "330803", "衢州市民政局"),
        ("樟潭街道办事处", None, None, QUJIANG, "330803", "衢州市衢江区樟潭街道办事处"),
        (None, "衢江区教育局2020年政府信息公开工作年度报告", "办公室", QUJIANG, "330803", "衢州市衢江区教育局"),
        (None, "2020年度区财政局政府信息公开工作年度报告", None, QUJIANG, "330803", "衢州市衢江区财政局"),
        (None, None, "区审计局", QUJIANG, "330803", "衢州市衢江区审计局"),
        (None, None, None, QUJIANG, "330803", None),
        ("县农业农村局", None, None, agencies.Portal("开化县人民政府", "330824"), "330824", "开化县农业农村局"),
        ("县农业农村局", None, None, None, "330824", "开化县农业农村局"),
        ("甲局", None, None, None, None, "甲局"),
        ("国家税务总局衢州市衢江区税务局", None, None, QUJIANG, "330803", "国家税务总局衢州市衢江区税务局"),
    ],
)
def test_full_names(
    printed: str | None, title: str | None, publisher: str | None, portal: agencies.Portal | None, region: str | None,
    full: str | None,
) -> None:  # fmt: skip
    named = agencies.full_name(
        printed, titles=(title,), publisher=publisher, portal=portal, region=region, lookup=REGIONS.get
    )
    assert (named.name if named else None) == full
    if named:
        assert (named.completed_from is None) == (named.name == printed)


@pytest.mark.parametrize(
    ("name", "kind", "level"),
    [
        ("衢州市衢江区人民政府", "government", "county"),
        ("衢州市衢江区民政局", "department", "county"),
        ("衢州市衢江区人民政府办公室", "office", "county"),
        ("浙江衢州高新区管理委员会", "other", "county"),
        ("松阳县大东坝镇人民政府", "government", "town"),
        ("衢州市衢江区樟潭街道办事处", "government", "town"),
        ("衢州市衢江区发展和改革委员会", "department", "county"),
        ("衢州市某某", "other", "county"),
    ],
)
def test_kind_and_level(name: str, kind: str, level: str) -> None:
    assert agencies.kind_of(name) == kind
    assert agencies.level_of(name, "county") == level
