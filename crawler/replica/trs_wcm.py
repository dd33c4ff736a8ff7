"""A replica of a 拓尔思 WCM column: years, groups in a year, every kind of pager, and what a right crawl must find.

Its own traps: a column linked without its slash; the disclosure platform's container beside a menu; `createPageHTML`,
`var countPage` and `pagination_script_config`; a deep page that is a stub; a page that repeats the first; articles
`t<id>.shtml`; `_wap` and big5 twins; a line without a link; a year's folder with another year's report; an article
set over three pages. Made up after the product's markup; no page is recorded.
"""

from __future__ import annotations

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
from crawler.replica.site import Answer

COLUMN_PATH = "/zwgk/zfxxgknb/"
FILES = "/zwgk/P0"
LONG = "t20230120_67430"


def frame(article: Article) -> str:
    """An article as TRS templates print it."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{article.title}</title>'
        f'<meta name="ArticleTitle" content="{article.title}"><meta name="PubDate" content="{article.date} 09:00">'
        f'</head><body><div class="nav"><a href="/">首页</a></div><div class="xl_tit">{article.title}</div>'
        f'<div id="zoom"><div class="view TRS_UEDITOR trs_paper_default"><div class="TRS_Editor">{article.body}</div>'
        f'</div></div><div class="footer"><a href="/reader.exe.zip">阅读器</a></div></body></html>'
    )


class TrsWcmSite(CountySite):
    """The portal: three years, one of them with two groups of bodies."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.home("/zwgk/", "./zfxxgknb/")
        self.files(FILES, "/download/downfile.jsp")
        years = {"2022n/": "2022年", "2021_123": "2021年", "2020n/": "2020年政府信息公开年报"}
        items = "".join(f'<li><a href="./{path}">{title}</a></li>' for path, title in years.items())
        self._page(COLUMN_PATH, items, 'createPageHTML(1, 0, "index", "html");')
        for path, title in years.items():
            self.column(COLUMN_PATH + path, title)
        self._with_groups(f"{COLUMN_PATH}2021_123/")
        self._ministry(f"{COLUMN_PATH}2022n/")
        self._repeating(f"{COLUMN_PATH}2020n/")
        self.visit = "incomplete"

    def _page(self, path: str, items: str, pager: str, *, platform: bool = True) -> None:
        box = ("zfxxgk_zdgkc", "ul") if platform else ("list_box", 'ul class="list"')
        menu = '<ul class="left"><li><a href="/gsgg/">公示公告</a></li><li><a href="/zn/">公开指南</a></li></ul>'
        text = (
            f'{menu}<div class="{box[0]}"><{box[1]}>{items}</ul></div><div class="page"><script>{pager}</script></div>'
        )
        self.pages[path] = self.html(text)

    def _line(self, column: str, item: Item, number: int, *, ending: str = ".html", date: str = "<b>{}</b>") -> str:
        name = f"t{item.date.replace('-', '')}_{item.slug}" if ending == ".html" else f"t{item.slug}"
        path = f"{item.date[:7].replace('-', '')}/{name}{ending}"
        self.listed(item, column + path)
        return line(item, f"./{path}", number, date=date)

    def _with_groups(self, column: str) -> None:
        groups = {"bm_1/": "县政府部门", "xz/": "乡镇（街道）"}
        items = "".join(f'<li><a href="./{path}">{title}</a></li>' for path, title in groups.items())
        self._page(column[:-1], items, "", platform=False)
        for path, title in groups.items():
            self.column(column + path, title)
        items_of = [*departments(frame, FILES, "/download/downfile.jsp"), report("水利局", 2020, 9, frame)]
        shown = [self._line(f"{column}bm_1/", item, number) for number, item in enumerate(items_of)]
        twin = shown[0].replace(".html", "_wap.html")
        for again in range(2):
            self.listed(items_of[again], "", again=True)
        self._page(f"{column}bm_1/", "".join(shown[:8]), 'createPageHTML(2, 0, "index", "html");')
        second = [twin, shown[1], *shown[8:]]
        self._page(f"{column}bm_1/index_1.html", "".join(second), 'createPageHTML(2, 1, "index", "html");')
        towns = [report(town, 2021, 10 + number, frame) for number, town in enumerate(TOWNS)]
        shown = [self._line(f"{column}xz/", item, number, date="<span>{}</span>") for number, item in enumerate(towns)]
        self._page(f"{column}xz/", "".join(shown[:2]), 'createPageHTML(3, 0, "list", "shtml");', platform=False)
        self._page(
            f"{column}xz/list_1.shtml", "".join(shown[2:]), 'createPageHTML(3,1,"list","shtml");', platform=False
        )
        self.pages[f"{column}xz/list_2.shtml"] = self.html('<div class="page"></div>')
        self.findings["incomplete_page"] += 1

    def _ministry(self, column: str) -> None:
        items = [report(body, 2022, 10 + number, frame) for number, body in enumerate(BODIES[:4])]
        shown = [self._line(column, item, number, ending=".shtml") for number, item in enumerate(items)]
        mirror = f"/gate/big5/{self.host}:{self.port}{column}202301/t{items[0].slug}.shtml"
        shown.append(f'<li><a href="{mirror}">{items[0].title}</a><span>{items[0].date}</span></li>')
        self.listed(items[0], "", again=True)
        shown.append(f"<li>{COUNTY}档案局2022年政府信息公开工作年度报告<span>2023-01-19</span></li>")
        self.findings["line_without_link"] += 1
        self.listed(self._long(column), f"{column}202301/{LONG}.html")
        shown.append(f'<li><a href="./202301/{LONG}.html">{COUNTY}林业局2022年年报</a><span>2023-01-20</span></li>')
        pager = "var pagination_script_config = {{pageNumber:'{}', total:'2'}};"
        self._page(column, "".join(shown[:3]), pager.format(0))
        self._page(f"{column}index_1.html", "".join(shown[3:]), pager.format(1))

    def _long(self, column: str) -> Item:
        """An article over three pages, as its pager in the body says."""
        parts = ((0, 1), (2,), (3, 4, 5))
        title = f"{COUNTY}林业局2022年年报"
        for number, sections in enumerate(parts):
            pager = f'<script>createPageHTML(3, {number}, "{LONG}", "html");</script>'
            text = report_body("林业局", 2022, sections) + pager
            page = Answer(frame(Article(title, "2023-01-20", COUNTY + "林业局", text)).encode())
            name = f"{LONG}.html" if number == 0 else f"{LONG}_{number}.html"
            self.pages[f"{column}202301/{name}"] = page
        return Item("67430", title, "2023-01-20", self.pages[f"{column}202301/{LONG}.html"], filled=("林业局", 2022))

    def _repeating(self, column: str) -> None:
        items = [report(body, 2020, 10 + number, frame) for number, body in enumerate(BODIES[:3])]
        shown = "".join(self._line(column, item, number) for number, item in enumerate(items))
        for number in range(2):
            pager = f"var currentPage = {number};//所在页从0开始\nvar countPage = 2//共多少页\n"
            self._page(f"{column}index_{number}.html" if number else column, shown, pager)
        for item in items:
            self.listed(item, "", again=True)
        self.findings["repeated_page"] += 1
