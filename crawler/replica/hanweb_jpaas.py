"""A replica of a 大汉 JPaaS column (hanweb-jpaas): three units, of which one holds the list; two pages.

Besides the shared traps: `queryData` in single quotes, the page's other units, page 1 again for a page number that
comes the wrong way (`paging` says which way this site wants), links of the older product among the new, a `count`
that counts a line listed twice and a telephone twin, a year as a column of its own.
"""

from __future__ import annotations

import json
from typing import Any

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html, json_answer, metas

COLUMN = "/zwgk/zfxxgk/zfxxgknb/index.html"
YEAR = "/zwgk/zfxxgk/zfxxgknb/2025/index.html"
GATEWAY = "/api-gateway/jpaas-publish-server/front/page/build/unit"
ROWS = 4


class HanwebJpaasSite(FamilySite):
    """The portal; lines 0 to 7 in the column, the rest in the year's; `spelling` is the site's `parseType`."""

    family = "hanweb-jpaas"
    place, region = "兴化市", "321281"
    column = COLUMN
    more = ("duplicate", "duplicate", "not_a_report")

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, paging: str = "paramJson", spelling: str = "bulidstatic"
    ) -> None:
        super().__init__(host, port)
        self.paging, self.spelling = paging, spelling

    def address(self, number: int, date: str) -> str:
        """`art_<32hex>.html` by year, or the older product's."""
        if number == 1:
            return "/art/2020/1/11/art_45001_1234567.html"
        return f"/zwgk/zfxxgk/zfxxgknb/art/{date[:4]}/art_{self.hex_of(number)}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the product."""
        return document(
            line.title,
            f"<h1>{line.title}</h1><div class='bt-box-main'><div id='zoom' class='wzzw-article'>{text}</div></div>",
            head=metas(line, self.place),
        )

    def units(self, page: str) -> list[dict[str, Any]]:
        """The units of a column page."""
        tags = ("当前位置", "信息列表", "网站地图")
        known = {"parseType": self.spelling, "webId": "3630", "tplSetId": "5HrZ", "pageType": "column"}
        return [known | {"tagId": tag, "editType": "null", "pageId": page} for tag in tags]

    def listed(self, query: Query) -> Answer | None:
        """The column pages and the gateway."""
        if query.path in (COLUMN, YEAR):
            number = "1229000222" if query.path == COLUMN else "1229000225"
            built = "/images/AuthorizedRead/unitbuild.js"
            scripts = "".join(
                f"<script src='{built}' url='{GATEWAY}' queryData=\"{_single(unit)}\"></script>"
                for unit in self.units(number)
            )
            years = f'<ul class="year"><li><a href="{YEAR}">2025年</a></li></ul>' if query.path == COLUMN else ""
            return html(document("政府信息公开年报", years, scripts))
        if query.path == GATEWAY:
            return self.unit(query.query)
        return None

    def unit(self, query: dict[str, str]) -> Answer:
        """The gateway's answer; the wrong way to ask for page n gives page 1."""
        page_id = query.get("pageId", "")
        if any(query.get(name) != value for name, value in self.units(page_id)[1].items()):
            return json_answer(json.dumps({"success": True, "code": "200", "data": {"html": "<div></div>"}}))
        way = json.loads(query.get("paramJson") or "{}") if self.paging == "paramJson" else query
        page = int(way.get("pageNo", 1))
        lines = (
            [*self.lines[:4], self.lines[2], self.lines[4].twin(), *self.lines[4:8]]
            if page_id == "1229000222"
            else self.lines[8:]
        )
        items = "".join(
            f"<li class='clearfix'>{line.link()}<span class='bt-right'>{line.date}</span></li>"
            for line in lines[(page - 1) * ROWS : page * ROWS]
        )
        pager = f"<div class='pagination' rows='{ROWS}' count='{len(lines)}'></div>"
        fragment = f"<div class='page-content'><ul>{items}</ul>{pager}</div>"
        return json_answer(json.dumps({"success": True, "code": "200", "data": {"html": fragment}}, ensure_ascii=False))

    def planted(self) -> dict[str, Any]:
        """Both lists say how many lines they have; the column's counts one twice."""
        return super().planted() | {"declared": len(self.lines) + 2, "findings": {"count_mismatch": 1}}


def _single(unit: dict[str, Any]) -> str:
    return json.dumps(unit, ensure_ascii=False).replace('"', "'")
