"""A replica of an instance of Guangdong's 政府信息公开目录管理平台 (gd-gkmlpt) under a body's path.

Besides the shared traps: `post_count` above `total`, a node with a `jump_url` into a gd-nfcms column, a node of
website returns, an article listed twice, one of type `url` that leads off the official hosts, a dead `post_url`, and
times a day apart between `date`, `create_time` and `created_at`. A page of the API holds six articles, not a hundred.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html, json_answer, metas

BASE = "/hyhpjyj/gkmlpt"
PER_PAGE = 6
JUMP = "/hyhpjyj/zfxxgknb/"


class GdGkmlptSite(FamilySite):
    """The instance; lines 0 to 7 from the API, the rest in the column that the tree's second node jumps to."""

    family = "gd-gkmlpt"
    place, region = "和平县", "441624"
    column = f"{BASE}/index"
    more = ("duplicate", "not_a_report", "not_a_report", "refused")

    def address(self, number: int, date: str) -> str:
        """`/content/{id div 1000000}/{id div 1000}/post_{id}.html`, or an article of the column."""
        post = 344001 + number
        return f"{BASE}/content/0/344/post_{post}.html" if number < 8 else f"{JUMP}content/post_{post}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the platform: its text rendered, and escaped in `_CONFIG`."""
        labels = f"<tr><td>索引号:</td><td>006-2020-{line.number}</td><td>发布机构:</td><td>{line.body}</td></tr>"
        labels += f"<tr><td>名称:</td><td>{line.title}</td><td>发布日期:</td><td>{line.date}</td></tr>"
        return document(
            line.title,
            f'<table class="table-content">{labels}</table><h1 class="title">{line.title}</h1>',
            f'<div class="article-content">{text}</div>',
            self.config(detail={"content": text.replace("</", "<\\/")}),
            head=metas(line, self.place),
        )

    def config(self, detail: Any = None) -> str:
        """The script with the instance's settings."""
        annual: dict[str, Any] = {
            "id": 321,
            "name": "政府信息公开年报",
            "post_count": 15,
            "jump_url": "",
            "children": [],
        }
        annual["children"] = [{"id": 330, "name": "历年年报", "post_count": 0, "jump_url": JUMP, "children": []}]
        tree = [
            {"id": 320, "name": "政府信息公开指南", "post_count": 1, "jump_url": "", "children": []},
            annual,
            {"id": 340, "name": "政府网站年度报表", "post_count": 3, "jump_url": "", "children": []},
        ]
        words = json.dumps(tree, ensure_ascii=False).replace("/", "\\/")
        detail_words = json.dumps(detail or {}, ensure_ascii=False)
        return (
            f"<script>window._CONFIG = {{ SID: '762036', TREE: {words}, SERVICE_AREA_ID: 1, "
            f"DETAIL: {detail_words} }}</script>"
        )

    def listed(self, query: Query) -> Answer | None:
        """The index, the API's pages, the column that the tree jumps to."""
        if query.path == self.column:
            return html(document("政府信息公开目录", '<div id="app"></div>', self.config()))
        if query.path == f"{BASE}/api/all/321" and query.query.get("sid") == "762036":
            return json_answer(self.api(int(query.query["page"])))
        if query.path.startswith(f"{BASE}/api/"):
            return json_answer(json.dumps({"classify": {"id": 0}, "total": 0, "offset": 0, "articles": []}))
        if query.path == JUMP:
            items = "".join(f"<li>{line.link()}<span>{line.date}</span></li>" for line in self.lines[8:])
            return html(document("历年年报", f'<ul class="news_list">{items}</ul>'))
        return None

    def articles(self) -> list[dict[str, Any]]:
        """All articles of the column: eight lines, the first one again, and one that leads elsewhere."""
        listed = [*self.lines[:8], self.lines[0]]
        made = []
        for line in listed:
            day = datetime.strptime(line.date, "%Y-%m-%d").replace(tzinfo=UTC) - timedelta(hours=8)  # midnight in China
            post = 344001 + line.number
            url = self.url + line.path
            made.append({"id": post, "type": "normal", "title": line.title, "url": url, "publisher": line.body})
            made[-1] |= {"post_url": f"{self.url}{BASE}/old/post_{post}.html", "classify_main": 321, "attachment": []}
            made[-1] |= {"date": int((day - timedelta(days=1)).timestamp()), "create_time": int(day.timestamp())}
            made[-1] |= {"display_publish_time": int(day.timestamp()), "created_at": "2023-06-01 00:00:00"}
        title = "和平县司法局2022年政府信息公开工作年度报告"
        elsewhere = {"id": 344099, "type": "url", "title": title, "url": "https://mp.example.com/s/1", "post_url": ""}
        return [*made, elsewhere | {"create_time": 1673280000, "classify_main": 321}]

    def api(self, page: int) -> str:
        """One page of the API's answer."""
        articles = self.articles()
        shown = articles[(page - 1) * PER_PAGE : page * PER_PAGE]
        classify = {"id": 321, "name": "政府信息公开年报", "post_count": 15, "jump_url": ""}
        whole = {"classify": classify, "total": len(articles), "offset": (page - 1) * PER_PAGE, "articles": shown}
        return json.dumps(whole, ensure_ascii=False)

    def planted(self) -> dict[str, Any]:
        """The API's total counts the article that is listed twice; the column it jumps to has no total."""
        return super().planted() | {"findings": {"count_mismatch": 1}}
