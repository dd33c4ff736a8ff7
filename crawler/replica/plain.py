"""A replica of portals with ordinary links, one shape a column, and what a right crawl of them must find.

Its traps: the disclosure platform's layout with a 下一页 that on the last page leads to itself; rows of a table with a
pager of numbers, in GBK under a header that says UTF-8; a shell around a frame of the same host; gov.cn's `home_0.htm`
whose end is a page that is not there; a town's column that is its report; a collection of outbound links, which are
seeds; lines of `div` whose date stands inside the link. Made up after the shapes; no page is recorded.
"""

from __future__ import annotations

from crawler.replica.county import BODIES, COUNTY, TOWNS, Article, CountySite, departments, line, report, report_body
from crawler.replica.site import NOT_FOUND, Answer, Query

COLUMN_PATH = "/zfxxgk/nb/"
FILES = "/upload/2022/"
OUTBOUND = {
    "http://jyt.example.gov.cn/zfxxgknb/202201/t20220118_1.html": "省教育厅",
    "http://www.example.gov.cn/zfxxgknb/": "甲市",
    "http://www.example.gov.cn/zfxxgknb/2.pdf": "乙县2021年政府信息公开工作年度报告",
}


def frame(article: Article) -> str:
    """An article without any vendor's marks."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{article.title}</title></head><body>'
        f"<h1>{article.title}</h1><p>发布时间：{article.date} 来源：{article.publisher}</p>"
        f'<div class="article-content">{article.body}</div></body></html>'
    )


class PlainSite(CountySite):
    """The portal: a column of departments, and below it five columns of other shapes."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.home("/zfxxgk/", COLUMN_PATH)
        self.files(FILES, "/down/downfile.jsp")
        columns = {
            "2020/": "2020年",
            "2019/": "2019年度",
            "2018/home_0.htm": "2018年",
            "yxz/": TOWNS[0],
            "hz/": "各部门年报汇总",
        }
        for path, title in columns.items():
            self.column(COLUMN_PATH + path, title)
        self._platform("".join(f'<li><a href="{path}">{title}</a></li>' for path, title in columns.items()))
        self._table(f"{COLUMN_PATH}2020/")
        self._framed(f"{COLUMN_PATH}2019/")
        self._home(f"{COLUMN_PATH}2018/")
        self._collection(f"{COLUMN_PATH}hz/")
        town = report_body(TOWNS[0], 2021)
        article = Article(f"{COUNTY}{TOWNS[0]}2021年政府信息公开工作年度报告", "2022-01-09", TOWNS[0], town)
        self.pages[f"{COLUMN_PATH}yxz/"] = Answer(frame(article).encode())
        self.filled[f"{COLUMN_PATH}yxz/"] = (TOWNS[0], 2021)
        self.decisions.update({"fetched": 1, "not_a_report": -1})
        self.columns -= 1
        self.outcomes["new"] += 1

    def answer(self, query: Query) -> Answer:
        """Articles of the script `show.php`; else what stands in `pages`."""
        if query.path == "/show.php":
            return self.pages.get(f"/show.php?id={query.query['id']}", NOT_FOUND)
        return super().answer(query)

    def _platform(self, columns: str) -> None:
        items = departments(frame, FILES, "/down/downfile.jsp?id=3")
        for item in items:
            self.listed(item, f"{COLUMN_PATH}{item.slug}.html")
        self.listed(items[0], "", again=True)
        shown = [line(item, f"{item.slug}.html", number, date="<b>{}</b>") for number, item in enumerate(items)]
        pager = '<a href="{}">上一页</a><a href="{}">下一页</a>'
        menu = '<ul class="menu"><li><a href="/zn.html">政府信息公开指南</a></li><li><a href="/zd/">制度</a></li></ul>'
        for name, part, links in (
            ("", [columns, *shown[:7]], ("index.html", "index_p2.html")),
            ("index_p2.html", [*shown[7:], shown[0]], ("index.html", "index_p2.html")),
        ):
            text = f'{menu}<div class="zfxxgk_zdgkc"><ul>{"".join(part)}</ul></div><div>{pager.format(*links)}</div>'
            self.pages[COLUMN_PATH + name] = self.html(text)

    def _table(self, column: str) -> None:
        items = [report(body, 2020, 10 + number, frame) for number, body in enumerate(BODIES[:6])]
        rows = []
        for number, item in enumerate(items):
            self.listed(item, f"/show.php?id={item.slug}")
            self.pages[f"/show.php?id={item.slug}"] = item.page
            rows.append(
                f'<tr><td>{number + 1}</td><td><a href="/show.php?id={item.slug}">{item.title}</a></td>'
                f"<td>2021年1月{int(item.date[8:])}日</td></tr>"
            )
        names = ["./", "p2.html", "p3.html"]
        numbers = "".join(f'<a href="{name}">{number}</a>' for number, name in enumerate(names, start=1))
        for number in range(3):
            here = rows[number * 2 : number * 2 + 2]
            pager = numbers if number else numbers.replace('<a href="./">1</a>', "<b>1</b>")
            text = f"<table><tr><th>序号</th><th>名称</th><th>日期</th></tr>{''.join(here)}</table><div>{pager}</div>"
            name = f"p{number + 1}.html" if number else ""
            self.pages[column + name] = self.html(text, "gb18030")

    def _framed(self, column: str) -> None:
        items = [report(body, 2019, 10 + number, frame) for number, body in enumerate(BODIES[:3])]
        for item in items:
            self.listed(item, f"/inside/{item.slug}.html")
        lines = "".join(
            f'<div class="row"><a href="{item.slug}.html">{item.title}<em>[{item.date}]</em></a></div>'
            for item in items
        )
        self.pages["/inside/list.html"] = self.html(f"<div>{lines}</div>")
        self.pages[column] = self.html('<iframe src="about:blank"></iframe><iframe src="/inside/list.html"></iframe>')

    def _home(self, column: str) -> None:
        items = [report(body, 2020, 20 + number, frame) for number, body in enumerate(BODIES[:4])]
        for number in range(2):
            lines = []
            for item in items[number * 2 : number * 2 + 2]:
                self.listed(item, f"{column}content_{item.slug}.htm")
                lines.append(f'<li><a href="content_{item.slug}.htm">{item.title}</a><span>{item.date}</span></li>')
            self.pages[f"{column}home_{number}.htm"] = self.html(f"<ul>{''.join(lines)}</ul>")

    def _collection(self, column: str) -> None:
        for url, title in OUTBOUND.items():
            self.titles[url] = title
            self.decisions["not_a_report"] += 1
        links = [f'<li><a href="{url}">{title}</a></li>' for url, title in OUTBOUND.items()]
        self.pages[column] = self.html(
            f"<h3>省直部门</h3><ul>{links[0]}</ul><h3>市州</h3><ul>{links[1]}{links[2]}</ul>"
        )
        self.findings["outbound_links"] += 1
