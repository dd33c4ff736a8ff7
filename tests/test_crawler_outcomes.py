"""What an answer is, what a title says, and which addresses are asked: the crawler's pure parts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from scrapy.http import HtmlResponse, Request

from crawler.captures import answer_verdict
from crawler.gate import LONGEST_WAIT, SILENCES_BEFORE_LEAVING, Gate, gate_for, retry_after
from crawler.jpage import read_datastore, read_record, wanted_unit
from crawler.middlewares import ROBOTS_LIMIT, foreign, judge_robots
from crawler.outcomes import is_report_title, judge
from crawler.portals import Portal

PORTAL = Portal("k", "n", "330803", "hanweb-jcms", "http://127.0.0.1:8901/col/col1/index.html")
ARTICLE = "<html><body>" + "<p>一、总体情况。本机关认真贯彻落实条例，有序推进公开工作。</p>" * 30 + "{}</body></html>"


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (200, ARTICLE.format(""), "ok"),
        (200, ARTICLE.format("<script>$_ts={}</script><p>验证码</p>"), "ok"),
        (200, "<html><body><p>附件：某局2021年年报.docx</p></body></html>", "ok"),
        (200, "", "failed"),
        (200, "<html><script>$_ts=window['$_ts'];</script><body></body></html>", "blocked"),
        (200, "<html><body>请输入验证码</body></html>", "blocked"),
        (200, "<html><script>location.href='/?wzws_cid=1'</script></html>", "blocked"),
        (412, "<html><script>$_ts={}</script></html>", "blocked"),
        (521, "<script>document.cookie='__jsl_clearance=1'</script>", "blocked"),
        (403, "", "blocked"),
        (429, "", "blocked"),
        (404, "", "gone"),
        (410, "", "gone"),
        (200, "<html><body><h1>您访问的页面不存在或已删除</h1></body></html>", "gone"),
        (200, "<html><title>404 Not Found</title></html>", "gone"),
        (200, "<html><body>网站正在升级维护，请稍后访问</body></html>", "failed"),
        (304, "", "unchanged"),
        (400, "x", "failed"),
        (500, "x", "failed"),
        (503, "x", "failed"),
    ],
)
def test_the_outcome_of_an_answer(status: int, text: str, outcome: str) -> None:
    verdict = judge(status, text.encode(), final_url="http://a.gov.cn/art_1.html")
    assert verdict.outcome == outcome, verdict


MENU = "<ul>" + "<li><a href='/x/'>政务公开栏目导航链接</a></li>" * 40 + "</ul>"
TITLE = "青溪县民政局2021年政府信息公开工作年度报告"
LINES = "".join(
    f"<li><a href='/art/{n}.html' title='青溪县某局{2010 + n}年年报'>青溪县某局{2010 + n}年…</a>"
    f"<span>{2011 + n}-01-2{n % 10}</span></li>"
    for n in range(12)
)


@pytest.mark.parametrize(
    ("text", "title", "outcome"),
    [
        (f"<html><title>政府信息公开年报</title>{MENU}<ul>{LINES}</ul><p>版权所有</p></html>", TITLE, "failed"),
        (f"<html><title>政府信息公开年报</title>{MENU}<ul>{LINES}</ul><p>版权所有</p></html>", None, "failed"),
        (f"<html><title>{TITLE}</title>{MENU}<img src='1.png'><ul>{LINES}</ul></html>", TITLE, "ok"),
        (f"<html><title>{TITLE}</title>{MENU}<img src='1.png'><ul>{LINES}</ul></html>", TITLE[:14] + "…", "ok"),
        (f"<html><title>{TITLE}</title>{MENU}<img src='1.png'><ul>{LINES}</ul></html>", None, "ok"),
        (f"<html>{MENU}<p>附件：<a href='a.docx'>{TITLE}</a> 2022-01-20</p></html>", TITLE, "ok"),
        (ARTICLE.format(LINES), TITLE, "ok"),
        (f"<html>{MENU}<p>对不起，您访问的页面不存在</p>{MENU}</html>", TITLE, "gone"),
        (f"<html>{MENU}<img src='1.png'><p>网站维护：某某信息中心</p></html>", TITLE, "ok"),
        (f"<html>{MENU}<p>网站正在升级，请稍后访问</p></html>", TITLE, "failed"),
    ],
)
def test_a_section_in_place_of_an_article(text: str, title: str | None, outcome: str) -> None:
    url = "http://a.gov.cn/art/1.html"
    assert judge(200, text.encode(), final_url=url, article=True, listed=url, title=title).outcome == outcome


def test_a_list_is_no_wrong_page_where_a_list_was_asked_for() -> None:
    page = f"<html><title>政府信息公开年报</title><ul>{LINES}</ul></html>".encode()
    assert judge(200, page, final_url="http://a.gov.cn/col/").outcome == "ok"


def test_the_home_page_in_place_of_a_page() -> None:
    body, listed = ARTICLE.format("").encode(), "http://a.gov.cn/art/1.html"
    for home in ("http://a.gov.cn/", "http://a.gov.cn", "http://a.gov.cn/index.html"):
        assert judge(200, body, final_url=home, article=True, listed=listed).outcome == "failed"
    assert judge(200, body, final_url="http://a.gov.cn/", article=True, listed="http://a.gov.cn/?id=1").outcome == "ok"


def test_a_304_that_nobody_asked_for_is_a_failure() -> None:
    meta = {"kind": "report", "listed": "http://a.gov.cn/1.html", "entry": None}
    plain = Request("http://a.gov.cn/1.html", meta=meta)
    asked = plain.replace(headers={"If-None-Match": '"1"'})
    assert answer_verdict(HtmlResponse(plain.url, status=304, request=plain)).outcome == "failed"
    assert answer_verdict(HtmlResponse(plain.url, status=304, request=asked)).outcome == "unchanged"


def test_the_outcome_of_an_odd_answer() -> None:
    body = ARTICLE.format("").encode()
    assert judge(200, body, final_url="http://a.gov.cn/404.html").outcome == "gone"
    assert judge(200, body, final_url="http://a.gov.cn/", flags=["dataloss"]).outcome == "failed"
    file = [("Location", "file:///etc/passwd")]
    assert judge(302, b"", final_url="http://a.gov.cn/", headers=file) == ("refused", "a redirect to file:")
    cookie = [("Set-Cookie", "__jsl_clearance_s=1; path=/")]
    assert judge(521, b"<script></script>", final_url="http://a.gov.cn/", headers=cookie).outcome == "blocked"


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("衢江区教育局2022年政府信息公开工作年度报告", True),
        ("某局2020年年报", True),
        ("某局2021年政府信息公开工…", True),
        ("农业农村局2020年度…", True),
        ("市应急局", True),
        ("某镇人民政府2019年信息公开工作报告", True),
        ("衢江区人民政府网站工作年度报表（2022年度）", False),
        ("2021年政府网站年度报告", False),
        ("政府信息公开指南", False),
        ("关于做好2020年度政府信息公开年报编制工作的通知", False),
        ("关于召开全区工作会议的消息", False),
    ],
)
def test_which_titles_are_annual_reports(title: str, kept: bool) -> None:
    assert is_report_title(title) is kept


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:8901/a", None),
        ("https://www.qj.gov.cn/a", None),
        ("http://127.0.0.1:8902/a", "neither k's own host"),
        ("http://[::1]:8901/a", "neither k's own host"),
        ("http://169.254.169.254/latest", "neither k's own host"),
        ("http://www.gov.cn.example.com/", "neither k's own host"),
        ("http://notgov.cn/", "neither k's own host"),
        ("http://a.gov.cn:99999/", "neither k's own host"),
        ("file:///etc/passwd", "file: is not fetched"),
        ("data:text/html,x", "data: is not fetched"),
    ],
)
def test_which_addresses_are_foreign(url: str, why: str | None) -> None:
    said = foreign(url, PORTAL)
    assert said is None if why is None else said is not None and why in said


def test_a_host_is_name_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONGKAI_LOOPBACK_DELAY", "0.25")
    first = gate_for("http://127.9.0.1:8901/a")
    assert first is gate_for("http://127.9.0.1:8901/b")
    assert first is not gate_for("http://127.9.0.1:8902/a")
    assert first.delay == 0.25
    assert gate_for("http://www.real.gov.cn/").delay == 1.0, "no variable hurries a real host"
    assert gate_for("http://www.real.gov.cn/") is gate_for("http://www.real.gov.cn:80/x")


def test_retry_after_is_seconds_or_a_date() -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after(b"120") == 120
    assert retry_after(b"Thu, 01 Jan 2026 12:01:00 GMT", at) == 60
    assert retry_after(b"Thu, 01 Jan 2026 11:00:00 GMT", at) == 0
    assert retry_after(b"soon") is None
    assert retry_after(b"\xb2") is None, "a superscript is a digit in Latin-1, and no number"
    assert retry_after(b"-1") is None
    assert retry_after(None) is None


def test_a_host_that_asks_for_hours_is_left_alone() -> None:
    gate = Gate("a.gov.cn:80", 1.0)
    gate.hold(30)
    assert gate.left_alone is None
    gate.hold(LONGEST_WAIT + 1)
    assert gate.left_alone is not None


def test_a_silent_host_is_left_alone() -> None:
    gate = Gate("a.gov.cn:80", 1.0)
    for _ in range(SILENCES_BEFORE_LEAVING - 1):
        gate.saw_silence()
    assert gate.left_alone is None
    gate.saw_silence()
    assert gate.left_alone == "a.gov.cn:80 let 9 requests in a row time out"


@pytest.mark.parametrize(
    ("status", "body", "allowed"),
    [
        (200, b"User-agent: *\nDisallow: /art/\n", False),
        (200, b"User-agent: gongkai\nDisallow: /art/\n\nUser-agent: *\nDisallow:\n", False),
        (200, b"User-agent: *\nDisallow: /admin/\n", True),
        (200, b"", True),
        (200, b"<html><body><h1>404 Not Found</h1></body></html>", True),
        (200, b"User-agent: *\nDisallow: /x\n" + b"# filler\n" * 80_000, True),
        (200, b"User-agent: *\nDisallow: /art/\n" + b"# filler\n" * 80_000, False),
        (200, b"User-agent: *\n".ljust(ROBOTS_LIMIT - len("\nDisallow: /"), b"#") + b"\nDisallow: /other/\n", True),
        (404, b"", True),
        (410, b"", True),
        (400, b"", True),
        (401, b"", False),
        (403, b"", False),
        (408, b"", False),
        (412, b"<script>$_ts={}</script>", False),
        (429, b"", False),
        (500, b"", False),
        (503, b"", False),
        (521, b"<script>document.cookie='__jsl_clearance=1'</script>", False),
        (200, b"<html><script>$_ts={}</script></html>", False),
    ],
)
def test_what_a_robots_txt_means(status: int, body: bytes, allowed: bool) -> None:
    rules, _ = judge_robots(HtmlResponse("http://a.gov.cn/robots.txt", status=status, body=body))
    says_yes = rules.refusal is None
    if rules.rules is not None:
        says_yes = rules.rules.can_fetch("http://a.gov.cn/art/1.html", "gongkai")
    assert says_yes is allowed


def test_a_record_gives_its_whole_title_and_its_broken_date() -> None:
    links = "<a href='../a.html'>某局2020…</a><a href='/art/1.html' title='某局2020年年报'>某局…</a>"
    fragment = f"<tr><td>{links}</td><td>2021-\n02-18</td></tr>"
    entry = read_record(fragment, "http://a.gov.cn/col/col1/index.html")
    assert entry == ("http://a.gov.cn/art/1.html", "某局2020年年报", "2021-02-18")
    unlinked = read_record(
        "<li><a href='javascript:void(0)'>某局2020年年报</a><b>2021-01-02</b></li>", "http://a.gov.cn/"
    )
    assert unlinked == ("", "某局2020年年报", "2021-01-02"), "no link to follow: no address, but no silence"
    chinese = read_record("<li><a href='/b.html'>某局2021年年报</a>2022年1月9日</li>", "http://a.gov.cn/")
    assert chinese == ("http://a.gov.cn/b.html", "某局2021年年报", "2022-01-09")


def test_a_datastore_is_read_as_far_as_it_goes() -> None:
    text = (
        "\n<datastore><totalrecord>46</totalrecord><recordset><record><![CDATA[<li>&nbsp;a</li>]]></record></recordset>"
    )
    assert read_datastore(text) == (["<li>&nbsp;a</li>"], 46)
    assert read_datastore("<html></html>") == ([], None)


def test_the_unit_is_the_columns_own() -> None:
    call = (
        "$('#{0}').jpage({{totalRecord:{1}, perPage:15, groupSize:3,\n"
        " proxyUrl:'/p.jsp', ajaxParam:{{columnid:{2}, unitid:'{0}', webname:'某区'}}}});"
    )
    page = "<script>" + call.format("1", 90, "8") + call.format("2", 46, "7") + "</script>"
    response = HtmlResponse(
        "http://a.gov.cn/col/col7/index.html", body=page.encode(), encoding="utf-8", request=Request("http://a.gov.cn/")
    )
    unit = wanted_unit(response)
    assert unit is not None
    assert (unit.id, unit.proxy, unit.total, unit.batch) == ("2", "/p.jsp", 46, 45)
    assert unit.form == {"columnid": "7", "unitid": "2", "webname": "某区"}
