"""A replica of Shaanxi's county platform (sx-snowflake): `1.html`, `2.html`, then a group with a year below it.

Besides the shared traps: a line again on page 2, a third page that the script counts and that is the first again,
`parseInt` of another thing in the page, no titles in `title`, group and year as columns, the year of the folder not
the reports', an article with a 24-digit id.
"""

from __future__ import annotations

from typing import Any

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html

COLUMN = "/zfxxgk/zfxxgknb"


class SxSnowflakeSite(FamilySite):
    """The portal; lines 0 to 6 on two pages, the rest under the towns' year."""

    family = "sx-snowflake"
    place, region = "吴起县", "610626"
    column = f"{COLUMN}/1.html"
    more = (*["duplicate"] * 6, "not_a_report", "not_a_report")

    def address(self, number: int, date: str) -> str:
        """An id of 19 digits, or one of 24 hexadecimal digits, under group and year."""
        name = self.hex_of(number, 24) if number == 2 else str(1533676551588134900 + number)
        return f"{COLUMN}/{'zj/2021n' if number > 6 else 'bm'}/{name}.html"

    def article(self, line: Line, text: str) -> str:
        """A page of the platform, its labels nested."""
        labels = f"<div><div>索引号</div><div>zfxxgknb-{line.number}</div></div>"
        labels += f"<div><div>发布机构</div><div>{line.body}</div></div>"
        labels += f"<div><div>发布日期</div><div>{line.date}</div></div>"
        body = f'<div class="table">{labels}</div><h1>{line.title}</h1><div class="m-txt-article">{text}</div>'
        return document(line.title, f'<div id="printContent">{body}</div>')

    def listed(self, query: Query) -> Answer | None:
        """The column's two pages, its group, the group's year."""
        if query.path in (f"{COLUMN}/1.html", f"{COLUMN}/3.html"):
            towns = f'<li><a href="{COLUMN}/zj/1.html">乡镇年报</a></li>'
            return html(self.page(self.lines[:4], 3, towns))
        if query.path == f"{COLUMN}/2.html":
            return html(self.page([self.lines[1], *self.lines[4:7]], 3))
        if query.path == f"{COLUMN}/zj/1.html":
            return html(self.page([], 1, f'<li><a href="{COLUMN}/zj/2021n/">2021年</a></li>'))
        if query.path == f"{COLUMN}/zj/2021n/":
            return html(self.page(self.lines[7:], 1))
        return None

    def planted(self) -> dict[str, Any]:
        """The third page repeats the first: its lines and its column are listed again."""
        return super().planted() | {"findings": {"repeated_page": 1}}

    def page(self, lines: list[Line], pages: int, columns: str = "") -> str:
        """A page of a list."""
        items = "".join(f"<li>{line.link(titled=False)}<span>{line.date}</span></li>" for line in lines)
        script = f"<script>var w = parseInt(screen.width / 2); var total = parseInt('{pages}'); page(total);</script>"
        return document("政府信息公开年报", f'<div class="m-lst"><ul>{columns}{items}</ul></div>', script)
