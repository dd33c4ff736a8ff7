"""A replica of a 新点 EWB column (epoint-ewb): a shell, two scripts, and a service with three pages.

Besides the shared traps: pages from 0 or from 1 (`base`; page 0 then gives page 1 again, or nothing: `zeroth`), the
parameters inside `params` (`wrapped`; anything else is an error 500 or an empty answer), the site's id in one script
or the other, a `title` cut beside a `realtitle`, a `total` that counts a telephone twin.
"""

from __future__ import annotations

import json
from typing import Any

from crawler.replica.site import Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html, json_answer, metas

GUID = "7eb5f7f1-9041-43ad-8e13-8fcb82ea831a"
SERVICE = "/EWB-FRONT/rest/lightfrontaction/getgovinfolist"
PER_PAGE = 4


class EpointEwbSite(FamilySite):
    """The portal, eleven lines on three pages."""

    family = "epoint-ewb"
    place, region = "贾汪区", "320305"
    column = "/dynamic/zwgk/govInfoPub.html?categorynum=003017002&deptcode=001001"
    more = ("duplicate",)

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, base: int = 0, wrapped: bool = False, zeroth: bool = True
    ) -> None:
        super().__init__(host, port)
        self.base, self.wrapped, self.zeroth = base, wrapped, zeroth

    def address(self, number: int, date: str) -> str:
        """`/<category>/<department>/<day>/<uuid>.html`."""
        return f"/003/003017/003017002/{date.replace('-', '')}/{self.uuid_of(number)}.html"

    def article(self, line: Line, text: str) -> str:
        """An article of the product."""
        labels = f"<tr><td>索引号</td><td>001001-{line.number}</td><td>发布机构</td><td>{line.body}</td></tr>"
        return document(
            line.title,
            f"<h1>{line.title}</h1><table>{labels}</table><div class='ewb-article-content'>{text}</div>",
            head=metas(line, self.place),
        )

    def listed(self, query: Query) -> Answer | None:
        """The shell, the scripts, the service."""
        if query.path == self.column.partition("?")[0]:
            return html(
                document("政府信息公开年报", '<div id="list"></div><script src="/js/webBuilderCommon.js"></script>')
            )
        if query.path == "/js/webBuilderCommon.js" and not self.wrapped:
            words = f'var siteInfo = {{"siteGuid":"{GUID}","projectName":"/EWB-FRONT","siteName":"贾汪区"}};'
            return Answer(words.encode(), media_type="application/javascript")
        if query.path == "/js/ajaxReq.js" and self.wrapped:
            words = f'var url = "{SERVICE}"; var data = {{"params": {{"siteGuid":"{GUID}"}}}};'
            return Answer(words.encode(), media_type="application/javascript")
        if query.path == SERVICE:
            return self.service(query)
        return None

    def service(self, query: Query) -> Answer:
        """One page of the list."""
        sent = json.loads(query.body or "{}")
        if self.wrapped != ("params" in sent):
            empty = json_answer(json.dumps({"custom": {"total": 0, "data": []}}))
            return Answer(b"<html>500</html>", status=500) if self.wrapped else empty
        asked = sent["params"] if self.wrapped else sent
        known = (asked["siteGuid"], asked["categorynum"], asked["deptcode"], query.method)
        if known != (GUID, "003017002", "001001", "POST"):
            return json_answer(json.dumps({"custom": {"total": 0, "data": []}}))
        index = int(asked["pageIndex"])
        lines = [*self.lines[:5], self.lines[0].twin(), *self.lines[5:]]
        page = max(0, index - self.base)
        shown = lines[page * PER_PAGE : (page + 1) * PER_PAGE] if index >= self.base or self.zeroth else []
        data = [
            {"title": line.title[:12] + "…", "realtitle": line.title, "infourl": line.path, "infodate": line.date}
            for line in shown
        ]
        return json_answer(json.dumps({"custom": {"total": len(lines), "data": data}}, ensure_ascii=False))

    def planted(self) -> dict[str, Any]:
        """The service counts the telephone twin of a line."""
        return super().planted() | {"declared": len(self.lines) + 1, "findings": {"count_mismatch": 1}}
