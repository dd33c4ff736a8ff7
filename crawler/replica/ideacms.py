"""A replica of an ideacms platform (ideacms): an organ index and the annual reports of three bodies.

Besides the shared traps: reports stand in no directory list; one body's list is named by a link, the others' in inline
data; a body with a site of its own; a body without reports; a second page behind 下一页; titles without the body.
"""

from __future__ import annotations

import json
from typing import Any

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html

INDEX = "/openness/"
LIST = "/openness/opennessAnnualReport/"


class IdeacmsSite(FamilySite):
    """The portal; the first body's seven lines on two pages, the second's three, the third's none."""

    family = "ideacms"
    place, region = "义安区", "340706"
    column = INDEX
    more = ("duplicate", "not_a_report", "not_a_report", "not_a_report")

    def address(self, number: int, date: str) -> str:
        """`show/<n>.html`, or the later `annual_report/<24hex>.html`."""
        if number == 2:
            return f"/xxgk/openness/detail/annual_report/{self.hex_of(number, 24)}.html"
        return f"/openness/OpennessAnnualReport/show/{3475 + 2 * number}.html"

    def article(self, line: Line, text: str) -> str:
        """A page of the platform; the body's name is in the breadcrumb."""
        position = f"网站首页 &gt; 政府信息公开 &gt; {self.place}{line.body} &gt; 政府信息公开年报"
        return document(
            line.title,
            f'<div class="position">{position}</div><h1>{line.title}</h1>',
            f'<p>发布时间：{line.date} 来源：{line.body}</p><div class="content">{text}</div>',
        )

    def branch(self, number: int) -> str:
        """The id of a body."""
        return self.hex_of(100 + number, 24)

    def listed(self, query: Query) -> Answer | None:
        """The organ index and the bodies' lists."""
        if query.path == INDEX:
            return html(self.index())
        if query.path == LIST:
            return html(self.reports(query.query.get("branch_id", ""), int(query.query.get("page", 1))))
        return None

    def index(self) -> str:
        """All bodies: a link and inline data."""
        items = [f'<li><a href="{LIST}?branch_id={self.branch(0)}" title="教育局">教育局</a></li>']
        items.append('<li><a href="http://www.elsewhere.example/" target="_blank">税务局</a></li>')
        data = [
            {"name": name, "url": f"/openness/opennessContent/?branch_id={self.branch(n)}",
             "url_annual_report": f"{LIST}?branch_id={self.branch(n)}"}
            for n, name in ((1, "财政局"), (2, "水利局"))
        ]  # fmt: skip
        script = f"<script>var branches = {json.dumps(data)};</script>"
        return document("政府信息公开", f'<ul class="organs">{"".join(items)}</ul>', script)

    def planted(self) -> dict[str, Any]:
        """A body without reports has an empty list."""
        return super().planted() | {"findings": {"empty_column": 1}}

    def reports(self, branch: str, page: int) -> str:
        """One page of a body's list."""
        pages = {
            (self.branch(0), 1): self.lines[:4],
            (self.branch(0), 2): [self.lines[3], *self.lines[4:7]],
            (self.branch(1), 1): self.lines[7:],
        }
        items = "".join(
            f"<li>{line.link(titled=False)}<span>{line.date}</span></li>" for line in pages.get((branch, page), [])
        )
        on = f'<a href="?branch_id={branch}&amp;page={page + 1}">下一页</a>' if (branch, page + 1) in pages else ""
        return document("政府信息公开年报", f'<ul class="list">{items}</ul><div class="pagination">{on}</div>')
