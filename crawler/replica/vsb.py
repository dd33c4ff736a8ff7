"""A replica of a 博达 VSB portal: pages that count down, the dynamic twin, and what a right crawl must find.

Its own traps: page 1 is `zfxxgknb.htm`, page 2 of 3 is `zfxxgknb/2.htm`, page 3 `zfxxgknb/1.htm`; the oldest page is a
stub and only `list.jsp` has it; articles are linked relative to pages at two depths; a year is a file among them; a
page on a private network redirects to an access-denied text; a download script redirects to the file. Made up after
the product's markup; no page is recorded.
"""

from __future__ import annotations

from crawler.replica.county import BODIES, COUNTY, Article, CountySite, departments, line, report
from crawler.replica.site import Answer, Query

COLUMN_PATH = "/zwgk/zfxxgknb.htm"
FOLDER = "/zwgk/zfxxgknb/"
TWIN = "/zwgk/list.jsp"
TREE = "urltype=tree.TreeTempUrl&wbtreeid=1053"
FILES = "/__local/0/AB/CD/"
DOWNLOAD = "/system/_content/download.jsp"
DENIED = "/system/resource/code/auth/denied.htm"


def frame(article: Article) -> str:
    """An article as VSB templates print it."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{article.title}</title>'
        f'<meta name="pageType" content="3"><meta name="ArticleTitle" content="{article.title}"></head><body>'
        f'<ul class="ov"><li class="fl">索引号: 20220110-131248-434</li><li>发布机构: {article.publisher}</li>'
        f'<li class="fl">发布日期: {article.date}</li></ul><form name="_newscontent_fromname"><h2>{article.title}</h2>'
        f'<span>点击数：<script>_showDynClicks("wbnews", 123, 1)</script></span><div id="vsb_content_2">'
        f'<div class="v_news_content">{article.body}</div></div></form></body></html>'
    )


class VsbSite(CountySite):
    """The portal: one column of three pages, and a year below it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.home("/zwgk.htm", COLUMN_PATH.lstrip("/"))
        self.files(FILES, DOWNLOAD)
        items = departments(frame, FILES, f"{DOWNLOAD}?urltype=news.DownloadAttachUrl&owner=12&wbfileid=45")
        private = report("招商局", 2021, 9, frame)
        denied = Answer(status=302, headers=(("Location", DENIED),))
        items.append(private._replace(page=denied, outcome="blocked", filled=None))
        self.pages[DENIED] = self.html("<div>您无权访问该页面，此页面仅限内网用户访问</div>")
        rows = [(f"/info/3811/{item.slug}.htm", item) for item in items]
        for path, item in rows:
            self.listed(item, path)
        rows.insert(9, rows[1])
        self.listed(rows[1][1], "", again=True)
        self.column(f"{FOLDER}2020n.htm", "2020年度")
        self.shown = [
            line(item, f"..{path}", number, date='<span class="date">{}</span>', cls=' class="tit"')
            for number, (path, item) in enumerate(rows)
        ]
        year = '<ul class="years"><li><a href="zfxxgknb/2020n.htm">2020年度</a></li></ul>'
        self.pages[COLUMN_PATH] = self._list(0, f"{year}{self._items(0)}", "zfxxgknb/")
        self.pages[f"{FOLDER}2.htm"] = self._list(1, self._items(1).replace("../info", "../../info"), "")
        self.pages[f"{FOLDER}1.htm"] = self.html('<div class="list"></div>')
        old = [report(body, 2020, 10 + number, frame) for number, body in enumerate(BODIES[:3])]
        for item in old:
            self.listed(item, f"/info/3812/{item.slug}.htm")
        lines = [line(item, f"../../info/3812/{item.slug}.htm", number) for number, item in enumerate(old)]
        self.pages[f"{FOLDER}2020n.htm"] = self.html(f"<ul>{''.join(lines)}</ul>")

    def answer(self, query: Query) -> Answer:
        """The dynamic twin of the list; else what stands in `pages`."""
        if query.path == TWIN:
            number = int(query.query["PAGENUM"]) - 1
            return self._list(number, self._items(number), "")
        return super().answer(query)

    def _items(self, number: int) -> str:
        part = self.shown[number * 6 : number * 6 + 6]
        return "<ul>" + "".join(item.replace("<li>", f'<li id="line_u9_{n}">') for n, item in enumerate(part)) + "</ul>"

    def _list(self, number: int, items: str, folder: str) -> Answer:
        following = (
            f'<span class="p_next p_fun"><a href="{folder}{2 - number}.htm">下页</a></span>' if number < 2 else ""
        )
        pages = "".join(
            f'<span class="p_no"><a href="{folder}{3 - n}.htm">{n + 1}</a></span>' for n in range(3) if n != number
        )
        jump = f"""<a href="#" onclick="return _jump('{TWIN}?totalpage=3&amp;PAGENUM=1&amp;{TREE}')">转到</a>"""
        pager = f'<span class="p_pages"><span class="p_no_d">{number + 1}</span>{pages}{following}{jump}</span>'
        crumb = f'<div class="position"><a href="/">{COUNTY}</a> &gt; <a href="/zwgk.htm">政务公开</a></div>'
        return self.html(f"{crumb}{items}{pager}")
