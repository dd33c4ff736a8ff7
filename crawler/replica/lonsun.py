"""Replicas of 龙讯 sites (lonsun): all bodies and their years, and an ordinary column behind `label/8888`.

Besides the shared traps: a body's page prints its newest report in place and links it too; a body without reports; a
body that prints its one report and links none; a year that says it has no content; years as the only titles. Of the
ordinary column: parameters that stand in the script only, a second call for another column, a label under a path.
"""

from __future__ import annotations

from typing import Any, ClassVar

from crawler.replica.site import NOT_FOUND, Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html, metas

ALL = "6601841"
FIRST, SECOND, NONE, LAST = "6601981", "6601991", "6602001", "601"
NAMES = {FIRST: "教育局", SECOND: "财政局", NONE: "气象局", LAST: "水利局"}


class LonsunSite(FamilySite):
    """A site with four bodies; six lines for the first, three for the second, none for the third, one in place."""

    family = "lonsun"
    place, region = "平昌县", "511923"
    column = f"/public/column/{ALL}?type=4&action=rel"
    fates: ClassVar[tuple[str, ...]] = (
        "report",
        "missing",
        "gbk",
        "image",
        "attached",
        "report",
        "report",
        "blocked",
        "report",
        "report",
    )
    more: tuple[str, ...] = ("not_a_report", "not_a_report", "not_a_report", "not_a_report")

    def organ(self, number: int) -> str:
        """The body that a line belongs to."""
        return FIRST if number < 6 else SECOND if number < 9 else LAST

    def account(self, number: int) -> tuple[str, int]:
        """A body's years in a row."""
        return NAMES[self.organ(number)], 2016 + number % 6 if number < 6 else 2014 + number

    def address(self, number: int, date: str) -> str:
        """A body's page for a year; of the last body its page itself."""
        year = f"&timeFrame={self.account(number)[1]}&hasContent=true" if self.organ(number) != LAST else ""
        return f"/public/column/{self.organ(number)}?type=3&nav=3{year}"

    def download(self, line: Line) -> str:
        """A file of the product's store."""
        return f"/group6/M00/00/12/{self.hex_of(line.number)}.pdf"

    def row_of(self, line: Line) -> tuple[str, str | None]:
        """The page prints a year and no date; the row names the body too."""
        body = self.place + NAMES[self.organ(line.number)]
        return (body if self.organ(line.number) == LAST else f"{body} {line.year}年"), None

    def article(self, line: Line, text: str) -> str:
        """A body's page with a year's report in place."""
        organ = self.organ(line.number)
        content = f'<h1>{line.title}</h1><div class="minfo">发布日期：{line.date}</div>{text}'
        return document(line.title, self.menu(organ), self.years(organ), f'<div class="content">{content}</div>')

    def menu(self, organ: str) -> str:
        """The links to a body's guide, reports and directory."""
        kinds = ((2, "信息公开指南"), (3, "信息公开年报"), (4, "信息公开目录"))
        links = (f'<a href="/public/column/{organ}?type={kind}&amp;nav={kind}">{name}</a>' for kind, name in kinds)
        return f'<div class="menu"><ul>{"".join(f"<li>{link}</li>" for link in links)}</ul></div>'

    def years(self, organ: str) -> str:
        """The years of a body, one of them without content."""
        if organ not in (FIRST, SECOND):
            return ""
        lines = [number for number in range(len(self.fates)) if self.organ(number) == organ]
        items = [(self.address(number, ""), self.account(number)[1]) for number in reversed(lines)]
        items.append((f"/public/column/{organ}?type=3&nav=3&timeFrame=2012&hasContent=false", 2012))
        links = (f'<a href="{path.replace("&", "&amp;")}">{year}年</a>' for path, year in items)
        return f'<ul id="timeFrame">{"".join(f"<li>{link}</li>" for link in links)}</ul>'

    def listed(self, query: Query) -> Answer | None:
        """All bodies, a body's page, its page for a year."""
        organ = query.path.rpartition("/")[2]
        if not query.path.startswith("/public/column/"):
            return None
        if query.query.get("action") == "rel":
            items = "".join(
                f'<li><a title="{self.place}{name}" href="/public/column/{organ}?type=3&amp;nav=3">{name}</a></li>'
                for organ, name in NAMES.items()
            )
            return html(document("信息公开", self.menu(ALL), f'<ul class="clearfix">{items}</ul>'))
        if organ not in (*NAMES, ALL) or query.query.get("type") not in ("2", "3"):
            return NOT_FOUND
        if query.query["type"] == "2":
            return html(document("信息公开指南", self.menu(organ), "<p>公开指南的内容。</p>"))
        if organ in (NONE, ALL):
            return html(document("信息公开年报", self.menu(organ), '<div class="content">暂无相关信息</div>'))
        mine = [line for line in self.lines if self.organ(line.number) == organ]
        asked = query.query.get("timeFrame")
        line = next((line for line in mine if asked == str(line.year)), None) if asked else mine[-1]
        return self.page_of(line) if line else html(document("信息公开年报", self.menu(organ)))

    def planted(self) -> dict[str, Any]:
        """A body without reports is said to have none; the office that lists the bodies is such a body too."""
        return super().planted() | {"findings": {"empty_column": 2}}


class LonsunBodySite(LonsunSite):
    """One body of the site, known by the address of its guide."""

    column = f"/public/column/{FIRST}?type=2&nav=1"
    fates = LonsunSite.fates[:6]
    more = ()

    def row_of(self, line: Line) -> tuple[str, str | None]:
        """The page prints a year; the row has the portal's name before it."""
        return f"{self.place}人民政府 {line.year}年", None

    def planted(self) -> dict[str, Any]:
        """Nothing is missing."""
        return super().planted() | {"findings": {}}


class LonsunColumnSite(FamilySite):
    """An ordinary column of ten lines, four a page, one of them listed twice."""

    family = "lonsun"
    place, region = "庐山市", "360483"
    column = "/public/column/4443193?type=4&catId=5336732&action=list"
    label = "/lushan/site/label/8888"
    more = ("duplicate",)

    def address(self, number: int, date: str) -> str:
        """`/openness/public/<organ>/<id>.html`, or without the first part."""
        return f"{'/openness' if number == 2 else ''}/public/4443193/{15194811 + number}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the product."""
        labels = f"<tr><th>索引号：</th><td>LS-{line.number}</td><th>发布机构：</th><td>{line.body}</td></tr>"
        labels += f"<tr><th>发布日期：</th><td>{line.date}</td><th>有效性：</th><td>有效</td></tr>"
        body = f'<table class="xxgk_table">{labels}</table><h1>{line.title}</h1><div class="wzcon">{text}</div>'
        return document(line.title, body, head=metas(line, self.place))

    def listed(self, query: Query) -> Answer | None:
        """The shell and the label."""
        if query.path == "/public/column/4443193":
            fixed = "&action=list&isDate=true&dateFormat=yyyy-MM-dd&length=80&organId=4443193&type=4"
            script = (
                f'<script>$("#news").load("{self.label}?IsAjax=1&labelName=publicInfoList&siteId=2653861&pageSize=5'
                '&catId=9999999&file=/xxgk/publicInfoList_news");\n'
                f'function page(n) {{ $.get("{self.label}?IsAjax=1&dataType=html&_=" + Math.random() + '
                f'"&labelName=publicInfoList&siteId=2653861&pageSize=4&pageIndex=" + n + "{fixed}&catId=5336732'
                '&file=%2Fxxgk%2FpublicInfoList_newest2020", show); }</script>'
            )
            return html(document("政府信息公开年报", '<div id="news"></div><div id="list"></div>', script))
        if query.path == self.label:
            return self.page(query.query)
        return None

    def page(self, asked: dict[str, str]) -> Answer:
        """One page of lines, where every parameter is as the script says."""
        known = {"siteId": "2653861", "catId": "5336732", "file": "/xxgk/publicInfoList_newest2020", "pageSize": "4"}
        known |= {"organId": "4443193", "type": "4", "labelName": "publicInfoList"}
        if any(asked.get(name) != value for name, value in known.items()):
            return html("<ul><li>暂无相关信息</li></ul>")
        lines = [*self.lines[:4], self.lines[1], *self.lines[4:]]
        first = (int(asked["pageIndex"]) - 1) * 4
        items = "".join(
            f'<li>{line.link().replace("<a ", "<a class=title ")}<span class="date">{line.date}</span></li>'
            for line in lines[first : first + 4]
        )
        return html(f"<ul>{items}</ul>")
