"""Replicas of 大汉's disclosure module (hanweb-xxgk): a page a body and year, and an ordinary column.

Besides the shared traps: bodies whose codes stand in a tree and before an index number, years without a report (no
bytes, a bare heading, a 404), a report that is its attachment. Of the ordinary column: parameters in `loadDynamic` and
in the address, other columns' lines that an `area` brings along, page totals in text, a tree in a frame.
"""

from __future__ import annotations

from crawler.replica.site import NOT_FOUND, Answer, Query
from crawler.replica.traps import FamilySite, Line, document, html

REPORT = "/module/xxgk/xxgkAnnualReport.jsp"
SEARCH = "/module/xxgk/search.jsp"
TREE = "/module/xxgk/tree.jsp"
AREAS = ("11330824002626613H", "11330824MB1507524C", "113308240026180001")
FIRST_YEARS = (2014, 2020, 0)


class HanwebXxgkSite(FamilySite):
    """Three bodies: five reports of the first, four of the second, none of the third."""

    family = "hanweb-xxgk"
    place, region = "开化县", "330824"
    column = REPORT
    fates = ("report", "report", "gbk", "image", "attached", "report", "report", "report", "report")

    def account(self, number: int) -> tuple[str, int]:
        """A body's years in a row."""
        return ("农业农村局", FIRST_YEARS[0] + number) if number < 5 else ("医疗保障局", FIRST_YEARS[1] + number - 5)

    def address(self, number: int, date: str) -> str:
        """The page of a body and a year."""
        return f"{REPORT}?area={AREAS[0] if number < 5 else AREAS[1]}&fbtime={self.account(number)[1]}"

    def row_of(self, line: Line) -> tuple[str, str | None]:
        """The page's own title; it stands in no list."""
        return line.title, None

    def article(self, line: Line, text: str) -> str:
        """The bare page that the module gives."""
        return f'<h2>{line.title}</h2><div>发布时间：{line.date}</div><div id="zoom">{text}</div>'

    def listed(self, query: Query) -> Answer | None:
        """The tree with the bodies, and the page of a body and a year."""
        if query.path == TREE:
            script = f"<script>d.add(1,0,'农业农村局','{TREE}?area={AREAS[0]}&amp;divid=div1');</script>"
            frame = f'<a href="{TREE}?area={AREAS[2]}">统计局</a>'
            return html(document("目录", script, frame, f"<p>索引号：{AREAS[1]}/2021-119427</p>"))
        if query.path != REPORT:
            return None
        area, year = query.query.get("area", ""), query.query.get("fbtime", "")
        held = {(AREAS[0] if line.number < 5 else AREAS[1], str(line.year)): line for line in self.lines}
        found = held.get((area, year))
        if found is not None:
            return self.page_of(found)
        if area == AREAS[1]:
            return html('<h2></h2><div>发布时间：</div><div id="zoom"></div>')
        return Answer() if area != AREAS[2] else NOT_FOUND


class HanwebXxgkListSite(FamilySite):
    """An ordinary column of ten lines, six a page, one of them listed twice."""

    family = "hanweb-xxgk"
    place, region = "五常市", "230184"
    column = "/col/col12596/index.html?number=02"
    more = ("duplicate",)

    def address(self, number: int, date: str) -> str:
        """`/art/Y/M/D/art_<COL>_<ID>.html`."""
        return f"/art/{date[:4]}/1/{int(date[8:])}/art_12596_{34000 + number}.html"

    def download(self, line: Line) -> str:
        """The product's download script."""
        return f"/module/download/downfile.jsp?classid=0&filename={self.hex_of(line.number)}.pdf"

    def article(self, line: Line, text: str) -> str:
        """An article of the product."""
        labels = f"<tr><td>索引号:</td><td>002276772/2021-{line.number}</td><td>发布机构:</td><td>{line.body}</td></tr>"
        body = f'<table class="xxgk_table">{labels}</table><h1>{line.title}</h1><div class="bt_content">{text}</div>'
        return document(line.title, body)

    def listed(self, query: Query) -> Answer | None:
        """The column's shell, the search that draws it, the file behind the download script."""
        if query.path == "/col/col12596/index.html":
            call = (
                f"<script>loadDynamic('{SEARCH}?infotypeId='+a+'&vc_title='+encodeURI(b)+'&vc_number='+encodeURI(c)+"
                "'&area=002276772', 'div12596', '0', '0', '1000', '2', '', '');</script>"
            )
            frame = f'<iframe src="{TREE}?area=002276772&amp;divid=div12596"></iframe>'
            return html(document("政府信息公开年报", frame, '<div id="div12596"></div>', call))
        if query.path == SEARCH:
            return self.search(query)
        if query.path == "/module/download/downfile.jsp":
            attached = next(line for line in self.lines if line.fate == "attached")
            return Answer(status=302, headers=(("Location", self.file(attached)),))
        return None

    def search(self, query: Query) -> Answer:
        """One page of lines as a fragment; the second holds other columns' too."""
        wanted = {"infotypeId": "02", "jdid": "2", "area": "002276772", "divid": "div12596"}
        if query.method != "POST" or any(query.form.get(name) != value for name, value in wanted.items()):
            return html('<table><tr><td>没有找到相关信息</td></tr></table><td align="right">共0页</td>')
        page = int(query.form["currpage"])
        shown = self.lines[:6] if page == 1 else [self.lines[0], *self.lines[6:]]
        rows = [
            f'<tr class="tr_main_value_odd"><td>{number}</td><td>{line.link()}</td><td>{line.date}</td></tr>'
            for number, line in enumerate(shown, start=1)
        ]
        other = '<a class="bt_link" href="/art/2021/1/15/art_12577_1.html" title="某镇2020年度工作报告">某镇…</a>'
        rows.append(f'<tr class="tr_main_value_even"><td>7</td><td>{other}</td><td>2021-01-15</td></tr>')
        on = f'<a href="{SEARCH}?currpage=2">下一页</a>' if page == 1 else ""
        return html(f'<table>{"".join(rows)}</table><td align="right">&nbsp;&nbsp;共2页&nbsp;{on}</td>')
