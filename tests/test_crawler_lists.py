"""Lists as portals write them: lines, titles, dates, pagers, columns, attachments. Reconstructed from their shapes."""

from __future__ import annotations

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from crawler.articles import further_pages, join
from crawler.attachments import attachments, is_file
from crawler.columns import frame_of, is_column_address, is_report_page, page_title
from crawler.lists import (
    DISCLOSURE,
    Entry,
    at_directory,
    date_in,
    leads_to_list,
    lines,
    names_group,
    next_link,
    numbered_link,
    original,
)
from crawler.outcomes import says_report
from crawler.spiders.trs_wcm import pager_of
from parsers import parse

BASE = "http://www.x.gov.cn/zwgk/zfxxgknb/"
A, B = "某局2020年政府信息公开工作年度报告", "某镇2020年政府信息公开工作年度报告"


def page(text: str, url: str = BASE, encoding: str = "utf-8") -> HtmlResponse:
    body = f"<html><body>{text}</body></html>".encode(encoding)
    return HtmlResponse(url, body=body, encoding=encoding, request=Request(url))


MENU = "<ul><li><a href='/a/'>首页</a></li><li><a href='/c/'>政府信息公开年报</a></li></ul>"


@pytest.mark.parametrize(
    "text",
    [
        f"<ul><li><a href='1.html'>{A}</a><span>2021-01-25</span></li><li><a href='2.html'>{B}</a></li></ul>",
        f"<ul><li><span>[2021-01-25]</span><a href='./1.html' title='{A}'>{A[:9]}…</a></li>"
        f"<li><a href='./2.html' title='标题：{B}\n发布日期：2021-02-01'>{B[:9]}...</a></li></ul>",
        f"<table><tr><td>1</td><td><a href='1.html'>{A}</a></td><td>2021年1月25日</td></tr>"
        f"<tr><td>2</td><td><a href='2.html'>{B}</a></td><td></td></tr></table>",
        f"<div><div class='r'><a href='1.html'>{A}<i>2021.01.25</i></a></div>"
        f"<div class='r'><a href='2.html'>{B}</a></div></div>",
        f"<dl><dd><a href='1.html' title='{A}'>{A}</a> 2021/1/25</dd><dd><a href='2.html'>{B}</a></dd></dl>",
        f"<div><p><a href='1.html'>{A}</a><span>2021-\n01-25</span></p><p><a href='2.html'>{B}</a></p></div>",
        f"<ul><li><a href='/zwgk/'>[某局]</a><a href='1.html'>{A}</a><b>2021-01-25</b></li>"
        f"<li><a href='2.html'>{B}</a></li></ul>",
        f"<ul><li><a href='javascript:void(0)' onclick=\"open('/zwgk/zfxxgknb/1.html')\">{A}</a><b>2021-01-25</b></li>"
        f"<li><a href='2.html'>{B}</a></li></ul>",
        f"<div><a href='1.html'>{A}</a><span>2021-01-25</span><br><a href='2.html'>{B}</a><br></div>",
    ],
)
def test_lines_are_read_from_any_markup_and_menus_are_not(text: str) -> None:
    found = lines(page(f"{MENU}{text}<div class='footer'><a href='/z.html'>某局2019年年报</a></div>"))
    assert found == [Entry(f"{BASE}1.html", A, "2021-01-25"), Entry(f"{BASE}2.html", B, None)]


def test_a_container_is_read_whole_and_nothing_beside_it() -> None:
    beside = f"<ul><li><a href='/9.html'>{B}</a><b>2021-01-01</b></li></ul>"
    inside = "<ul><li><a href='1.html'>关于检查的通知</a></li><li>无链接的一行2020年年报<b>2021-02-01</b></li></ul>"
    found = lines(page(f"{beside}<div class='zfxxgk_zdgkc'>{inside}</div>"), (DISCLOSURE,))
    assert found == [Entry(f"{BASE}1.html", "关于检查的通知", None), Entry("", "无链接的一行2020年年报", "2021-02-01")]


def test_addresses_that_are_none_break_nothing() -> None:
    broken = f"<ul><li><a href='http://[::1/1.html'>{A}</a></li><li><a href='2.html'>{B}</a></li></ul>"
    frames = "<iframe src='http://[::1/'></iframe><img src='http://[x'><a href='http://[::1/f.pdf'>x</a>"
    assert lines(page(broken)) == [Entry("", A, None), Entry(f"{BASE}2.html", B, None)]
    assert frame_of(page(frames)) is None
    assert attachments(page(f"<div id='zoom'>{frames}</div>")) == []
    blank = page("<script>" + "\n" * 200_000 + "</script><p>" + "." * 200_000 + "</p><a href='1.html'>" + "." * 200_000)
    assert (lines(blank), pager_of(blank), next_link(blank)) == ([], None, None)


def test_mirrors_and_directories_without_a_slash() -> None:
    assert original("http://big5.x.gov.cn/gate/big5/www.x.gov.cn/a/1.html") == "http://www.x.gov.cn/a/1.html"
    assert original("http://www.x.gov.cn/a/big5/1.html") == "http://www.x.gov.cn/a/big5/1.html"
    text = f"<ul><li><a href='./1.html'>{A}</a></li></ul>"
    assert lines(at_directory(page(text, BASE[:-1])))[0].url == f"{BASE}1.html"
    assert at_directory(page(text, BASE + "index.html")).url == BASE + "index.html"


@pytest.mark.parametrize(
    ("title", "column", "group"),
    [
        ("2021年", True, True),
        ("2021年度政府信息公开工作年度报告", True, True),
        ("2020年各乡镇年报", True, True),
        ("县政府部门", True, False),
        ("乡镇（街道）", True, False),
        ("市应急局", True, False),
        ("政府信息公开年报", True, False),
        ("市应急局2021年度政府信息公开工作年度报告", False, False),
        ("政府信息公开指南", False, False),
        ("首页", False, False),
    ],
)
def test_what_leads_to_a_further_list(title: str, column: bool, group: bool) -> None:
    assert leads_to_list(title) is column
    assert names_group(title) is group


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("/zfxxgknb/2021n/", True),
        ("/zfxxgknb/2020_123", True),
        ("/zfxxgknb/index.html", True),
        ("/col/col13872/index.html", True),
        ("/c102720/list.shtml", True),
        ("/", False),
        ("/202101/t20210125_8816016.html", False),
        ("/a/1234567/index.html", False),
        ("/web/0123456789ABCDEF0123456789ABCDEF/index.shtml", False),
        ("/col/col13/art/2021/art_1_2.html", True),
    ],
)
def test_which_addresses_are_columns(path: str, column: bool) -> None:
    assert is_column_address(path) is column


@pytest.mark.parametrize(
    "text",
    ["2021-02-18 09:30:00", "[2021-\n02-18]", "2021年2 月 18日", "1 2021/2/18", "2021-0\n2-18", "发布：2021.02.18"],
)
def test_dates_as_lists_print_them(text: str) -> None:
    assert date_in(text) == "2021-02-18"


def test_a_title_says_whether_it_is_a_report() -> None:
    assert says_report("某局2020年年报")
    assert not says_report("市应急局"), "a bare name needs its list to say so"


def test_further_pages_of_a_list() -> None:
    assert next_link(page("<a href='index_2.html'>下一页</a>")) == f"{BASE}index_2.html"
    assert next_link(page(f"<a href='{BASE}'>下一页</a>")) is None, "it leads to itself"
    assert next_link(page("<a href='javascript:;'>下一页</a>")) is None
    assert numbered_link(page("<b>1</b><a href='p2.html'>2</a><a href='p3.html'>3</a>")) == f"{BASE}p2.html"
    third = page("<a href='./'>1</a><a href='p2.html'>2</a><a href='p3.html'>3</a>", f"{BASE}p3.html")
    assert numbered_link(third) is None


@pytest.mark.parametrize(
    ("url", "script", "following"),
    [
        (BASE, 'createPageHTML(3, 0, "index", "html");', "index_1.html"),
        (f"{BASE}index_1.shtml", 'createPageHTML(3, 1, "index", "shtml")', "index_2.shtml"),
        (BASE, 'createPageHTML(3, 2, "index", "html");', None),
        (BASE, "var currentPage = 0;//从0开始\nvar countPage = 2//共多少页\n", "index_1.html"),
        (f"{BASE}list_1.shtml", "var countPage = 4;", "list_2.shtml"),
        (BASE, "var pagination_script_config = {pageNumber:'0', total:'2'};", "index_1.html"),
        (f"{BASE}index.htm", "pagination_script_config={'pageNumber':'0','total':'1'}", None),
        (BASE, "createPageHTML('page_div',8, 1,'list','shtml',118);", None),
        (BASE, '// createPageHTML(9, 0, "old", "html");\ncreatePageHTML(2, 0, "index", "html");', "index_1.html"),
        (BASE, "", None),
    ],
)
def test_trs_pagers(url: str, script: str, following: str | None) -> None:
    pager = pager_of(page(f"<script>{script}</script>", url))
    assert (pager.following() if pager else None) == following


def test_a_page_that_is_a_report_is_told_from_lists_and_shells() -> None:
    headings = "<p>一、总体情况</p><p>二、主动公开政府信息情况</p><p>三、收到和处理政府信息公开申请情况</p>"
    assert is_report_page(page(f"<h1>{A}</h1>{headings}"))
    assert page_title(page(f"<h1>县政府</h1><h2>{A}</h2>")) == A
    assert not is_report_page(page(f"<ul><li><a href='1.html'>{headings}</a></li></ul>"))
    assert frame_of(page("<iframe src='/inside/list.html'></iframe>")) == "http://www.x.gov.cn/inside/list.html"
    assert frame_of(page("<iframe src='http://map.y.gov.cn/'></iframe><iframe src='about:blank'></iframe>")) is None


def test_attachments_are_files_by_name_script_or_place() -> None:
    text = (
        "<div class='nav'><a href='/x.pdf'>导航</a></div><div class='TRS_Editor'>"
        "<a href='./P020210125512345678901.docx'>年度报告.docx</a><a href='./P020210125512345678901.docx'>again</a>"
        "<a href='/module/download/downfile.jsp?classid=0&filename=f.doc'>附件</a>"
        "<a class='nfw-cms-attachment' href='/attachment/0/12/1'>附件1</a><a href='/group6/M00/01/a.xlsx'>表</a>"
        "<iframe src='/pdfjs/web/viewer.html?file=%2Fa%2Fb.pdf'></iframe><embed src='c.pdf'>"
        "<a href='http://www.y.gov.cn/1.html'>链接</a><a href='#'>x</a></div>"
        "<footer><a href='/reader.zip'>阅读器</a></footer>"
    )
    host = "http://www.x.gov.cn"
    assert [(url, label) for url, label in attachments(page(text))] == [
        (f"{BASE}P020210125512345678901.docx", "年度报告.docx"),
        (f"{host}/module/download/downfile.jsp?classid=0&filename=f.doc", "附件"),
        (f"{host}/attachment/0/12/1", "附件1"),
        (f"{host}/group6/M00/01/a.xlsx", "表"),
        (f"{host}/a/b.pdf", ""),
        (f"{BASE}c.pdf", ""),
    ]
    assert not is_file(f"{BASE}1.html")
    pictures = (
        "<img src='/logo.png'><div id='zoom'>{}<p><img src='./W020.png'><img src='data:image/png;base64,AA'></p></div>"
    )
    assert [url for url, _ in attachments(page(pictures.format("")))] == [f"{BASE}W020.png"]
    assert attachments(page(pictures.format("<table><tr><td>1</td></tr></table>"))) == []


def test_an_article_is_joined_before_its_pager_whatever_the_pages_charset() -> None:
    url = f"{BASE}t20151009_67430.html"
    pager = "<div class='page'><script>createPageHTML(2, {}, 't20151009_67430', 'html');</script></div>"
    head = f"<head><meta charset='gbk'><title>{A}</title></head>"
    texts = [
        "<p>一、总体情况</p><p>本局公开工作情况良好。</p>" * 3,
        "<p>二、主动公开政府信息情况</p><table><tr><td>1</td></tr></table>" * 2,
    ]
    pages = []
    for number, text in enumerate(texts):
        body = f"<div id='top'>页首</div><div id='zoom'>{text}{pager.format(number)}</div>"
        address = url if number == 0 else url.replace(".html", "_1.html")
        pages.append(
            HtmlResponse(address, encoding="gbk", body=f"<html>{head}<body>{body}</body></html>".encode("gbk"))
        )
    assert further_pages(pages[0]) == [url.replace(".html", "_1.html")]
    assert further_pages(pages[1]) == []
    whole = join(pages)
    report = parse(whole, url=url, media_type="text/html")
    assert (report.charset, report.title) == ("utf-8", A)
    text = whole.decode()
    assert text.count("页首") == 1
    assert text.index("一、总体情况") < text.index("二、主动公开") < text.index("createPageHTML")
    assert text.count("<table") == 2
    with pytest.raises(ValueError, match="lacks the pager"):
        join([pages[0], page("<p>别的页面</p>", url)])


def test_lists_of_bare_names_and_of_titles_without_a_year() -> None:
    bare = "<ul><li><a href='1.html'>市应急局</a></li><li><a href='2.html'>市教育局</a></li></ul>"
    assert [line.title for line in lines(page(f"{MENU}{bare}"))] == ["市应急局", "市教育局"]
    untold = "<ul><li><a href='1.html'>某局政府信息公开年报</a></li><li><a href='2.html'>关于检查的通知</a></li></ul>"
    assert len(lines(page(f"{MENU}{untold}"))) == 2
    news = "<ul><li><a href='/n/1.html'>新闻一</a><b>2021-02-01</b></li></ul>"
    reports = f"<ul><li><a href='1.html'>{A}</a></li><li><a href='2.html'>{B}</a></li></ul>"
    notices = "".join(f"<li><a href='/g/{n}.html'>公告{n}</a><b>2021-02-0{n}</b></li>" for n in range(1, 4))
    found = lines(page(f"{MENU}{reports}<ul>{notices}</ul>{news}"))
    assert [line.title for line in found] == [A, B, "公告1", "公告2", "公告3"], "the largest dated list too, no sidebar"
    assert lines(page(MENU)) == []
    years = lines(page(f"{MENU}<ul><li><a href='./2021/'>2021</a></li><li><a href='./2020/'>2020</a></li></ul>"))
    assert [line.title for line in years] == ["2021", "2020"]
    numbers = "<div><a href='index_1.html'>2</a><a href='index_2.html'>3</a><a href='index_1.html'>下一页</a></div>"
    assert lines(page(f"{MENU}{numbers}")) == []
