"""A replica of a 开普云 UCAP portal: static pages, JSON where they fail, and what a right crawl must find.

Its own traps: the pager counts from 1 and takes its box first; page 2 of the list answers with the section's index, and
only the JSON goes on; a column whose list a script draws; addresses without a scheme and titles with tags in JSON; a
body's column that is itself the report; a burst answered with the index instead of the article, once passing and once
not; a total of one line more than there is. Made up after the product's markup; no page is recorded.
"""

from __future__ import annotations

import json
from collections import Counter

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

COLUMN_PATH = "/site/zfxxgknb/list.shtml"
YEAR_PATH = "/site/c102720/list.shtml"
TOWN_PATH = "/site/c102900/zwgk_cont.shtml"
CHANNEL, YEAR_CHANNEL = f"{0xC1:032x}", f"{0xC2:032x}"
FILES = f"/site/c102717/202201/{0xF:032x}/files/"
PER_PAGE = 8


def frame(article: Article) -> str:
    """An article as UCAP templates print it."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{article.title}</title>'
        f'<meta name="ArticleTitle" content="{article.title}"><meta name="PubDate" content="{article.date} 09:00">'
        f"</head><body><ucaptitle><h1>{article.title}</h1></ucaptitle>"
        f'<div class="article-content" id="zoomcon"><div id="UCAP-CONTENT"><ucapcontent>{article.body}</ucapcontent>'
        f"</div></div><script>document.getElementById('UCAP-CONTENT');</script></body></html>"
    )


class UcapSite(CountySite):
    """The portal: a list of departments, a year's column in JSON only, a town's column that is its report."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.home("/site/zwgk/index.shtml", COLUMN_PATH)
        self.files(FILES, f"{FILES}download.jsp")
        self._asked: Counter[str] = Counter()
        columns = {YEAR_PATH: "2020年", TOWN_PATH: TOWNS[0]}
        items = departments(frame, FILES, f"{FILES}download.jsp")
        self.rows = [(f"/site/c102717/202201/{int(item.slug, 36):032x}.shtml", item) for item in items]
        late, lost = report("住建局", 2021, 8, frame), report("招商局", 2021, 9, frame)
        self.late, self.lost = (f"/site/c102717/202201/c01_{item.slug}.shtml" for item in (late, lost))
        self.rows += [(self.late, late), (self.lost, lost._replace(outcome="failed", filled=None)), self.rows[0]]
        for number, (path, item) in enumerate(self.rows):
            self.listed(item, path, again=number == len(self.rows) - 1)
        for path, title in columns.items():
            self.column(path, title)
        shown = [f'<li><a href="{path}">{title}</a></li>' for path, title in columns.items()]
        shown += [
            line(item, path, number, date='<span class="time">{}</span>')
            for number, (path, item) in enumerate(self.rows)
        ]
        total = len(shown) + 1
        self._static(COLUMN_PATH, CHANNEL, "searchList", shown[:PER_PAGE], f"'page_div',3, 1,'list','shtml',{total}")
        index = self.html(f'<div class="banner">{COUNTY}政务公开</div><ul class="pageList"></ul>')
        self.pages[COLUMN_PATH.replace("list", "list_2")] = self.index = index
        self.years = [report(body, 2020, 10 + number, frame) for number, body in enumerate(BODIES[:5])]
        for item in self.years:
            self.listed(item, f"/site/c102720/202101/{int(item.slug):032x}.shtml")
        self._static(YEAR_PATH, YEAR_CHANNEL, "common/search", [], "")
        text = report_body(TOWNS[0], 2021)
        article = Article(f"{COUNTY}{TOWNS[0]}2021年政府信息公开工作年度报告", "2022-01-09", TOWNS[0], text)
        self.pages[TOWN_PATH] = Answer(frame(article).encode())
        self.filled[TOWN_PATH] = (TOWNS[0], 2021)
        self.decisions.update({"fetched": 1, "not_a_report": -1})
        self.columns -= 1
        self.outcomes["new"] += 1
        self.declared = total + len(self.years)
        self.findings["count_mismatch"] += 1
        self.visit = "incomplete"
        self._listed = [{"title": title, "url": path} for path, title in columns.items()]

    def answer(self, query: Query) -> Answer:
        """The lists' JSON; an index in the place of two articles, of one for ever; else what stands in `pages`."""
        self._asked[query.path] += 1
        if query.path in (f"/searchList/{CHANNEL}", f"/common/search/{YEAR_CHANNEL}"):
            return self._found(query)
        if query.path == self.lost or (query.path == self.late and self._asked[self.late] < 3):
            return self.index
        return super().answer(query)

    def _static(self, path: str, channel: str, search: str, items: list[str], pager: str) -> None:
        call = (
            f"createPageHTML({pager});" if pager else f'$.get("/{search}/" + channelid + "?_isAgg=true&_isJson=true")'
        )
        drawn = f'var search = "/{search}/";'
        self.pages[path] = self.html(
            f'<meta name="channelid" content="{channel}"><ul class="pageList newsList">{"".join(items)}</ul>'
            f'<div id="page_div"></div><script>{drawn}{call}</script>'
        )

    def _found(self, query: Query) -> Answer:
        number, size = int(query.query["page"]), int(query.query["_pageSize"])
        if query.path.startswith("/common"):
            size = 3  # as some sites have it, whatever is asked
            rows = [self._row(f"/site/c102720/202101/{int(item.slug):032x}.shtml", item) for item in self.years]
        else:
            rows = [*self._listed, *(self._row(path, item) for path, item in self.rows)]
        total = len(rows) + (query.path.startswith("/searchList"))
        data = {"total": total, "page": number, "rows": size, "results": rows[(number - 1) * size : number * size]}
        return Answer(json.dumps({"data": data}).encode(), media_type="application/json")

    def _row(self, path: str, item: Item) -> dict[str, str]:
        title = item.title.replace("年度", "<em>年度</em>")
        return {"title": title, "url": f"//{self.host}:{self.port}{path}", "publishedTimeStr": f"{item.date} 10:00:00"}
