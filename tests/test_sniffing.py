"""Which family a page is of, by what its product writes, and never by what is pasted or by chance in its address.

Pages are reconstructed from the study's sketches; addresses are those of the registry.
"""

from __future__ import annotations

import re

import pytest

from crawler.links import named_above
from crawler.portals import load
from crawler.sniffing import columns_of, sniff

COLUMN = "http://www.a.gov.cn/zwgk/zfxxgknb/"
HEX = "0123456789abcdef0123456789abcdef"
UUID = "c79286aa-6d6c-4e2e-95e0-1b913a0bff0d"


@pytest.mark.parametrize(
    ("family", "url", "text"),
    [
        ("gd-gkmlpt", "http://www.a.gov.cn/gkmlpt/index", ""),
        ("gd-gkmlpt", COLUMN, "<script>window._CONFIG = { SID: '755011', TREE: [] }</script>"),
        ("gd-gkmlpt", "http://a.gov.cn/x/gkmlpt/content/0/344/post_344022.html", "class=nfw-cms-attachment"),
        ("hanweb-jpaas", f"http://www.a.gov.cn/nb/art/2022/art_{HEX}.html", ""),
        ("hanweb-jpaas", COLUMN, """<script src="/x/unitbuild.js" queryData="{'webId':'3630'}"></script>.jpage({"""),
        ("truecms", COLUMN, "$('#m').jpage({proxyUrl:'/TrueCMS/messageController/getMessage.do'});"),
        ("truecms", COLUMN, "<div id='initData'><ul></ul></div><script>$('#m').jpage({dataStore:initData})</script>"),
        ("hanweb-jcms", "http://www.a.gov.cn/col/col1/index.html", "$('#7').jpage({}); '/module/xxgk/search.jsp'"),
        ("hanweb-jcms", "http://www.a.gov.cn/art/2021/2/18/art_12_34.html", "<div class='TRS_Editor'>"),
        ("hanweb-jcms", "http://www.a.gov.cn/col/col13872/index.html", ""),
        ("hanweb-xxgk", "http://www.a.gov.cn/col/col11581/index.html?number=02", "url:'/module/xxgk/search.jsp'"),
        ("hanweb-xxgk", "http://www.a.gov.cn/module/xxgk/xxgkAnnualReport.jsp?area=1&fbtime=2020", ""),
        ("hanweb-xxgk", "http://a.gov.cn/module/xxgk/xxgkAnnualReport.jsp?area=1&fbtime=2020", "$('#7').jpage({})"),
        ("hanweb-jcms", COLUMN, "'/module/xxgk/search.jsp' '/module/web/jpage/dataproxy.jsp'"),
        ("lonsun", "http://www.a.gov.cn/public/column/601?type=3&nav=3", ""),
        ("lonsun", COLUMN, "$.post('/site/label/8888', {labelName:'publicInfoList'})"),
        ("lonsun", "http://www.a.gov.cn/openness/public/6596211/15194811.html", ""),
        ("ideacms", "http://www.a.gov.cn/openness/OpennessAnnualReport/show/9.html", ""),
        ("ideacms", COLUMN, '<a href="/opennessAnnualReport/?branch_id=61ea09e6886688c27d8b45ae">'),
        ("epoint-ewb", "http://www.a.gov.cn/dynamic/zwgk/govInfoPub.html?categorynum=003&deptcode=001", ""),
        ("epoint-ewb", COLUMN, "var siteInfo={siteGuid:'x'}"),
        ("vsb", "http://www.a.gov.cn/info/3811/196921.htm", '<div id="vsb_content_2"><div class="v_news_content">'),
        ("vsb", "http://www.a.gov.cn/zfxxgk/zfxxgknb.htm", '<span class="p_pages"><span class="p_no_d">1</span>'),
        ("ucap", COLUMN, "createPageHTML('page_div',8, 1,'list','shtml',118);"),
        ("trs-wcm", COLUMN, "createPageHTML('3', '0', 'index', 'html');"),
        ("ucap", f"http://www.a.gov.cn/a/c102717/202101/{HEX}.shtml", ""),
        ("trs-wcm", COLUMN, 'createPageHTML(3, 0, "index", "html");'),
        ("trs-wcm", COLUMN, "<script>var countPage = 3;</script>"),
        ("trs-wcm", "http://www.a.gov.cn/nb/202101/t20210125_8816016.html", "<ucap></ucap>"),
        ("gd-nfcms", "https://www.a.gov.cn/zfxxgknb/2020n/content/post_7059803.html", ""),
        ("gd-nfcms", COLUMN, '<a class="nfw-cms-attachment" href="/attachment/0/1.pdf">'),
        ("sx-snowflake", COLUMN, '<div class="m-lst"><ul>'),
        ("sx-snowflake", "http://www.a.gov.cn/zj/2021n/1533676551588134914.html", ""),
    ],
)
def test_each_family_by_its_own_signals(family: str, url: str, text: str) -> None:
    sniffed = sniff(url, text)
    assert sniffed is not None and sniffed.family == family, sniffed


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://www.trs.gov.cn/zwgk/zfxxgkzl/zfxxgknb/2020n/", "<a href='/trs/'>trs</a>"),
        (COLUMN, '<div class="TRS_Editor"><p>一、总体情况</p></div><div id="zoom">'),
        ("http://www.a.gov.cn/", "<html><body>政府信息公开</body></html>"),
        ("http://www.a.gov.cn/index/index.html", ""),
    ],
)
def test_what_proves_nothing(url: str, text: str) -> None:
    assert sniff(url, text) is None


def test_a_list_is_told_by_the_addresses_of_its_lines() -> None:
    links = [f"{COLUMN}202201/t2022011{n}_10{n}.html" for n in range(3)]
    sniffed = sniff(COLUMN, "<div class='TRS_Editor'>", [*links, "http://www.a.gov.cn/art/2021/2/18/art_12_34.html"])
    assert sniffed is not None and sniffed.family == "trs-wcm" and sniffed.certain
    one = sniff(COLUMN, "", links[:1])
    assert one is not None and not one.certain


def test_no_address_of_the_registry_is_taken_for_another_family() -> None:
    told = 0
    for portal in load().values():
        for url in (portal.url, *portal.pages):
            sniffed = sniff(url, "")
            if portal.family == "hanweb-xxgk" and "/col/" in url:
                continue  # the address alone does not tell the two Hanweb products apart
            if portal.family != "plain":
                assert sniffed is None or sniffed.family == portal.family, (url, sniffed)
                told += sniffed is not None
            else:
                assert sniffed is None or not sniffed.certain, (url, sniffed)
    assert told > 120


def test_columns_follow_from_the_addresses_of_reports() -> None:
    assert columns_of("https://www.a.gov.cn/art/2021/1/15/art_1229038842_4427573.html") == [
        "https://www.a.gov.cn/col/col1229038842/index.html"
    ]
    assert columns_of(f"http://www.a.gov.cn/tz/xxgknb/content/{UUID}.html") == [
        "http://www.a.gov.cn/tz/xxgknb/xxgknb.html"
    ]
    assert columns_of("http://www.a.gov.cn/openness/public/65/151.html") == [
        "http://www.a.gov.cn/openness/public/column/65?type=3&nav=3"
    ]
    assert columns_of("http://www.a.gov.cn/index.html") == []
    followed = 0
    for portal in load().values():
        if "follows from the report's address" not in portal.evidence:
            continue
        # of a year's or a group's column the one above it is kept
        above = re.sub(r"(1|index)\.html$", "", portal.url).partition("://")[2]
        for found in columns_of(portal.pages[-1]) or [""]:
            assert found == portal.url or found.partition("://")[2].startswith(above), (portal, found)
        followed += 1
    assert followed > 60


def test_a_column_above_a_report_is_known_by_its_path() -> None:
    above = named_above("http://www.a.gov.cn/zwgk/zfxxgk/zfxxgknb/2020n/202101/t20210130_66621740.html")
    assert above == "http://www.a.gov.cn/zwgk/zfxxgk/zfxxgknb/"
    assert named_above("http://www.a.gov.cn/zfwznb/2020/1.html") is None
    assert named_above("http://www.a.gov.cn/nbjg/1.html") is None
