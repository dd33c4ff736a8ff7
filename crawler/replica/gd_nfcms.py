"""A replica of a 南方 CMS column (gd-nfcms): two pages and a year below them, no totals.

Besides the shared traps: a line again on page 2, the telephone twin of an article, 尾页 as the only count, a year's
column whose folder says 2020 and whose reports are of other years.
"""

from __future__ import annotations

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html, metas


class GdNfcmsSite(FamilySite):
    """The portal; lines 0 to 3 on the first page, 4 to 6 on the second, the rest in the year's column."""

    family = "gd-nfcms"
    place, region = "广州市", "440100"
    column = "/zfxxgknb/index.html"
    more = ("duplicate", "duplicate", "not_a_report")

    def address(self, number: int, date: str) -> str:
        """`content/post_<ID>.html` below the column that lists it."""
        return f"/zfxxgknb/{'2020n/' if number > 6 else ''}content/post_{7059800 + number}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the CMS."""
        return document(
            line.title,
            f'<h1 class="content_title">{line.title}</h1>',
            f'<div class="zw-info">发布时间：{line.date} 来源：{line.body}</div>',
            f'<div id="zoomcon" class="article-content">{text}</div>',
            head=metas(line, self.place),
        )

    def listed(self, query: Query) -> Answer | None:
        """The two pages of the column, and the year's."""
        years = '<li><a href="2020n/">2020年</a></li>'
        if query.path == "/zfxxgknb/index.html":
            return html(self.page([*self.lines[:4], None], years, current=1))
        if query.path == "/zfxxgknb/index_2.html":
            return html(self.page([self.lines[3], *self.lines[4:7]], "", current=2))
        if query.path == "/zfxxgknb/2020n/":
            return html(self.page(self.lines[7:], "", current=1, pages=1))
        return None

    def page(self, lines: list[Line | None] | list[Line], more: str, *, current: int, pages: int = 2) -> str:
        """A page of a list; None stands for the telephone twin of the first line."""
        twin = self.lines[0]._replace(path=self.lines[0].path.replace("post_", "mpost_"))
        items = "".join(f"<li>{(line or twin).link()}<span>{(line or twin).date}</span></li>" for line in lines)
        back = '<a class="prev" href="index.html">上一页</a>' if current > 1 else ""
        on = f'<a class="next" href="index_{current + 1}.html">下一页</a>' if current < pages else ""
        last = f'<a class="last" href="index_{pages}.html">尾页</a>' if pages > 1 else ""
        menu = '<div class="header"><ul><li><a href="/gsgg/">公示公告</a></li></ul></div>'
        tabs = f'<div class="tabs"><ul>{more}</ul></div>' if more else ""
        pager = f'<div class="page"><a class="first" href="index.html">首页</a>{back}{on}{last}</div>'
        return document("政府信息公开年报", menu, tabs, f'<ul class="news_list">{items}</ul>', pager)
