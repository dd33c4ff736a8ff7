"""A replica of a 大汉 JCMS portal whose columns answer in the several ways that sites of this product do.

The portal's own column holds every trap of a list; below it, in a menu of years, are one whose proxy ignores
`startrecord` and honours `page`, one whose deep pages are an empty document unless the encrypted parameters of
`nextgroup` come by GET, one at an older proxy's path, and one that breaks off; a town's column is its report. Beside
`hanweb_jcms`, the portal of the demo, whose proxy takes `startrecord`. Made up after the product's markup.
"""

from __future__ import annotations

from typing import NamedTuple

from crawler.replica.county import (
    BODIES,
    COUNTY,
    TOWNS,
    Article,
    CountySite,
    Item,
    departments,
    line,
    report,
    report_body,
)
from crawler.replica.site import Answer, Query

COLUMN_PATH = "/col/col100/index.html"
TOWN_PATH = "/col/col109/index.html"
NEW, OLD = "/module/web/jpage/dataproxy.jsp", "/module/jslib/jquery/jpage/dataproxy.jsp"
FILES = "/attach/0/"
DOWNLOAD = "/module/download/downfile.jsp"
EMPTY = Answer(b"<?xml version='1.0' encoding='UTF-8'?><datastore></datastore>"[:54], media_type="text/xml")


class Column(NamedTuple):
    """A list: how it is answered, the proxy's path, and the records of a page as HTML."""

    way: str
    proxy: str
    records: list[str]
    size: int


def frame(article: Article) -> str:
    """An article as JCMS templates print it."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{article.title}</title>'
        f'<meta name="ArticleTitle" content="{article.title}"><meta name="PubDate" content="{article.date} 09:30">'
        f'</head><body><table class="xxgk_table"><tr><td>发布机构:</td><td>{article.publisher}</td></tr></table>'
        f"<h1>{article.title}</h1>"
        f'<div id="zoom"><!--<$[信息内容]>begin--><!--ZJEG_RSS.content.begin-->{article.body}'
        f"<!--ZJEG_RSS.content.end--><!--<$[信息内容]>end--></div></body></html>"
    )


class HanwebWaysSite(CountySite):
    """The portal: five lists, a town, and the menu that leads to them."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.home("/col/col99/index.html", COLUMN_PATH)
        self.files(FILES, DOWNLOAD)
        self.lists: dict[str, Column] = {}
        first = departments(frame, FILES, f"{DOWNLOAD}?classid=0&filename={0xF:032x}.docx")
        self.town()
        self._list("100", "records", NEW, first, 6, f'<li><a href="{TOWN_PATH}">{TOWNS[0]}</a></li>')
        for number, way, proxy, year in (
            ("101", "page", NEW, 2020),
            ("102", "encrypted", NEW, 2019),
            ("103", "records", OLD, 2022),
            ("104", "breaks", NEW, 2023),
        ):
            self._list(number, way, proxy, [report(b, year, 10 + n, frame) for n, b in enumerate(BODIES[:7])], 3)
            self.column(f"/col/col{number}/index.html", f"{year}年度")
        for number in self.lists:
            self.pages[f"/col/col{number}/index.html"] = self._column(number)
        for item, path in self.lost:
            del self.titles[path], self.filled[path]
            self.decisions["fetched"] -= 1
            self.outcomes[item.outcome] -= 1
        self.findings.update({"incomplete_page": 1, "count_mismatch": 2})
        self.declared = sum(len(column.records) for column in self.lists.values())
        self.visit = "incomplete"

    def town(self) -> None:
        """The column that is itself a report."""
        title = f"{COUNTY}{TOWNS[0]}2021年政府信息公开工作年度报告"
        text = frame(Article(title, "2022-01-09", TOWNS[0], report_body(TOWNS[0], 2021)))
        self.listed(Item("town", TOWNS[0], "", Answer(text.encode()), filled=(TOWNS[0], 2021)), TOWN_PATH)

    def answer(self, query: Query) -> Answer:
        """The proxies, by what the column's way wants of a request; else what stands in `pages`."""
        if query.path not in (NEW, OLD):
            return super().answer(query)
        said = query.query | query.form
        column = self.lists.get(said.get("columnid", "").removeprefix("x"))
        if column is None or column.proxy != query.path or "referer" not in query.headers:
            return EMPTY
        page = int(said.get("page", 1))
        if column.way == "breaks" and page != 1:
            return EMPTY
        if column.way == "encrypted" and not (
            query.method == "GET" and said["columnid"].startswith("x") and "page" in said
        ):
            return EMPTY
        first, last = (page - 1) * column.size, page * column.size
        if column.way == "records":
            first, last = int(query.query["startrecord"]) - 1, int(query.query["endrecord"])
        records = "".join(f"<record><![CDATA[{record}]]></record>" for record in column.records[first:last])
        return Answer(f"<datastore><recordset>{records}</recordset></datastore>".encode(), media_type="text/xml")

    def _list(self, number: str, way: str, proxy: str, items: list[Item], size: int, extra: str = "") -> None:
        records = [extra] if extra else []
        self.lost = []
        for ordinal, item in enumerate(items):
            path = f"/art/{item.date[:4]}/1/{int(item.date[8:])}/art_{number}_{item.slug}.html"
            records.append(line(item, path, ordinal, date="<span>{}\n</span>"))
            self.listed(item, path)
            if way == "breaks" and ordinal >= size:
                self.lost.append((item, path))
        if number == "100":
            records.append(records[1])
            self.listed(items[0], "", again=True)
        self.lists[number] = Column(way, proxy, records, size)

    def _column(self, number: str) -> Answer:
        column = self.lists[number]
        years = {"101": 2020, "102": 2019, "103": 2022, "104": 2023}
        links = "".join(f'<li><a href="/col/col{n}/index.html">{year}年度</a></li>' for n, year in years.items())
        menu = f'<div class="left_menu"><ul>{links if number == "100" else ""}</ul></div>'
        notices = '<li><a href="/art/2023/3/1/art_98_1.html">关于开展检查的通知</a><span>2023-03-01</span></li>'
        other = _unit("6001", "98", NEW, [notices] * 3, 30, 3)
        secret = "x" if column.way == "encrypted" else ""
        own = _unit("7001", number, column.proxy, column.records, len(column.records), column.size, secret)
        return self.html(f"{menu}{other}{own}")


def _unit(unit: str, column: str, proxy: str, records: list[str], total: int, size: int, secret: str = "") -> str:
    inlined = "".join(f"<record><![CDATA[{record}]]></record>" for record in records[:size])
    group = f"{proxy}?page=1&appid=1&webid=12&path=/&columnid={secret}{column}&unitid={secret}{unit}&webname=县政府"
    return (
        f'<div id="{unit}"><script type="text/xml"><datastore><nextgroup><![CDATA[<a href="{group}"></a>]]></nextgroup>'
        f"<recordset>{inlined}</recordset></datastore></script></div><script>$('#{unit}').jpage({{themeName:'default',"
        f"showMode:'full',totalRecord:{total},perPage:{size},groupSize:1,proxyUrl:'{proxy}',ajaxParam:{{col:1,appid:1,"
        f"webid:12,path:'/',columnid:{column},sourceContentType:1,unitid:'{unit}',webname:'县政府'}}}});</script>"
    )
