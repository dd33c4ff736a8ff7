"""The pages before a replica's column: a home page whose menu leads to 政府信息公开, and that to 政府信息公开年报.

Reconstructed: how menus of government sites are written (anchors with images, `onclick`, scripts, JSON, frames); names
are those that the disclosure platforms must use, the place is made up. Around the way lie what must not be followed:
the website's own yearly return, budgets, guides, a report among the news.
"""

from __future__ import annotations

from crawler.replica.site import Answer, Site

WAYS = ("anchors", "onclick", "script", "json", "frame", "array", "data")

_NEWS = (
    '<ul><li><a href="/xwdt/1.html">关于召开工作会议的通知</a></li>'
    '<li><a href="/xwdt/2.html">{place}统计局2022年政府信息公开工作年度报告</a></li></ul>'
)
_BESIDE = (
    '<li><a href="/zfxxgk/zn.html">政府信息公开指南</a></li><li><a href="/zfxxgk/zd.html">政府信息公开制度</a></li>'
    '<li><a href="/zfwznb/">政府网站工作年度报表</a></li><li><a href="/czyjs/">财政预决算年度报告</a></li>'
)


def add_home(site: Site, column: str, *, place: str, way: str = "anchors") -> None:
    """Give `site` its home page and its disclosure page; `column` is the path of the column, `way` how it is linked."""
    title = f"{place}人民政府"
    head = f'<head><meta charset="utf-8"><meta name="SiteName" content="{title}"><title>{title}</title></head>'
    menu = '<ul><li><a href="/">首页</a></li><li><a href="/zfxxgk/">政府信息公开</a></li>'
    menu += '<li><a href="/zwfw/">政务服务</a></li><li><a href="/zwgk/">政务公开</a></li></ul>'
    site.pages["/"] = _page(head, f"{menu}{_NEWS.format(place=place)}")
    link = {
        "anchors": f'<li><a href="{column}" title="政府信息公开年报"><img src="/nb.png"></a></li>',
        "onclick": f"<li onclick=\"window.open('{column}')\"><span>政府信息公开年报</span></li>",
        "script": '<li><a href="/zfxxgk/nb.html">政府信息公开年报</a></li>',
        "json": '<script>var menu=[{"name":"政府信息公开指南","url":"/zfxxgk/zn.html"},'
        f'{{"name":"\\u653f\\u5e9c\\u4fe1\\u606f\\u516c\\u5f00\\u5e74\\u62a5","url":"{column}"}}];</script>',
        "array": f"<script>menu([['政府信息公开指南','/zfxxgk/zn.html'],['政府信息公开年报', '{column}']]);</script>",
        "data": f'<li data-url="{column}"><a href="javascript:void(0)">政府信息公开年报</a></li>',
        "frame": '<iframe src="/zfxxgk/menu.html"></iframe>',
    }[way]
    site.pages["/zfxxgk/"] = _page(head.replace(title, f"政府信息公开-{title}"), f"{menu}<ul>{_BESIDE}{link}</ul>")
    if way == "script":
        site.pages["/zfxxgk/nb.html"] = _page(head, f"<script>location.href='{column}';</script>")
    if way == "frame":
        site.pages["/zfxxgk/menu.html"] = _page(head, f'<ul>{_BESIDE}<li><a href="{column}">信息公开年报</a></li></ul>')


def _page(head: str, body: str) -> Answer:
    return Answer(f"<!DOCTYPE html><html>{head}<body>{body}</body></html>".encode())
