"""A replica of a TrueCMS column (truecms): inlined lines, and a JSONP endpoint.

Besides the shared traps: the longest portion that the endpoint gives (`longest`; more gives a 404, or as many where it
is `capped`), an endpoint that is switched off (`longest` 0: what is not inlined is missing), a 404 without a Referer,
`/truecms` in small letters, a `totalRecord` that counts a line listed twice, links without `title`.
"""

from __future__ import annotations

import json
from typing import Any

from crawler.replica.site import NOT_FOUND, Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html

COLUMN = "/gyqzf/zyqjbmzfxxgknb/zyqjbmzfxxgknb.html"
COLUMN_ID = "c79286aa-6d6c-4e2e-95e0-1b913a0bff0d"


class TruecmsSite(FamilySite):
    """The portal: eleven lines, six of them inlined."""

    family = "truecms"
    place, region = "赣榆区", "320707"
    column = COLUMN
    inlined = 6
    more = ("duplicate",)

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        longest: int = 20,
        proxy: str = "/TrueCMS",
        capped: bool = False,
    ) -> None:
        self.longest, self.capped = longest, capped
        super().__init__(host, port)
        self.proxy = f"{proxy}/messageController/getMessage.do"
        self.shown = [*self.lines[:3], self.lines[0], *self.lines[3:]]
        if not longest:
            self.lines = [line for line in self.lines if line in self.shown[: self.inlined]]

    def address(self, number: int, date: str) -> str:
        """`…/content/<uuid>.html` below the column."""
        return f"/gyqzf/zyqjbmzfxxgknb/content/{self.uuid_of(number)}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the product."""
        return document(line.title, f"<h1>{line.title}</h1><div id='zoom'>{text}</div>")

    def listed(self, query: Query) -> Answer | None:
        """The column page and the endpoint."""
        if query.path == COLUMN:
            items = "".join(self.item(line) for line in self.shown[: self.inlined])
            call = (
                f"<script>$('#msgList').jpage({{dataStore:initData, totalRecord:{len(self.shown)}, perPage:10, "
                f"proxyUrl:'{self.proxy}', ajaxParam:{{columnId:'{COLUMN_ID}'}}}});</script>"
            )
            stored = f'<div id="initData" style="display:none"><ul>{items}</ul></div>'
            menu = '<div class="nav"><ul><li><a href="/tzgg/tzgg.html">通知公告</a></li></ul></div>'
            return html(document("政府信息公开年报", menu, stored, '<div id="msgList"></div>', call))
        if query.path == self.proxy:
            return self.message(query)
        return None

    def item(self, line: Line) -> str:
        """A line as the template writes it."""
        return f"<li>{line.link(titled=False)}<span>{line.date}</span></li>"

    def message(self, query: Query) -> Answer:
        """The endpoint's answer: `perpage` lines from `startrecord`."""
        size, start = int(query.query["perpage"]), int(query.query["startrecord"])
        known = query.headers.get("referer", "").endswith(COLUMN) and query.query["columnId"] == COLUMN_ID
        if (size > self.longest and not self.capped) or not known or int(query.query["endrecord"]) != start + size - 1:
            return NOT_FOUND
        size = min(size, self.longest)
        records = "".join(
            f"<record><![CDATA[{self.item(line)}]]></record>" for line in self.shown[start - 1 : start - 1 + size]
        )
        store = f"<datastore><totalrecord>{len(self.shown)}</totalrecord><recordset>{records}</recordset></datastore>"
        answer = f"{query.query['callback']}({json.dumps({'result': store}, ensure_ascii=False)})"
        return Answer(answer.encode(), media_type="text/javascript;charset=UTF-8")

    def planted(self) -> dict[str, Any]:
        """The list counts a line that it lists twice; where the endpoint is off, it falls short by more."""
        found: dict[str, Any] = super().planted() | {"declared": len(self.shown), "findings": {"count_mismatch": 1}}
        if not self.longest:
            found["findings"] = {"count_mismatch": 1, "incomplete_page": 1}
        return found
