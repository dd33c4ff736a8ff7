"""A replica of a 拓尔思 WCM column: two pages, a cut title, an item without `title`, a duplicate, a 404, a menu."""

from __future__ import annotations

from crawler.replica.reports import fill, tables_html
from crawler.replica.site import Answer, Site

COLUMN_PATH = "/zwgk/zfxxgknb/index.html"
BODIES = ("民政局", "教育局", "财政局", "水利局", "司法局")


class TrsWcmSite(Site):
    """The portal: five reports for 2021 on two list pages, all its pages made at the start."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        items = []
        for number, body in enumerate(BODIES):
            title = f"青溪县{body}2021年政府信息公开工作年度报告"
            tables = "".join(tables_html(fill(2021, body)).values())
            path = f"202201/t202201{10 + number}_{8800 + number}.html"
            page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{tables}</body></html>"
            self.pages[f"/zwgk/zfxxgknb/{path}"] = Answer(page.encode())
            shown, attribute = (title, "") if number == 1 else (title[:8] + "…", f' title="{title}"')
            items.append(f'<li><a href="./{path}"{attribute}>{shown}</a><span>2022-01-{10 + number}</span></li>')
        gone = "青溪县审计局2021年政府信息公开工作年度报告"
        items.append(f'<li><a href="./202201/t20220120_8899.html" title="{gone}">{gone}</a><b>2022-01-20</b></li>')
        for page_number, shown_items in enumerate((items[:3], [items[0], *items[3:]])):
            name = "index.html" if page_number == 0 else f"index_{page_number}.html"
            menu = '<ul><li><a href="../gsgg/">公示公告</a></li></ul>'
            pager = f'<script>createPageHTML(2, {page_number}, "index", "html");</script>'
            listed = f"<html><body>{menu}<ul>{''.join(shown_items)}</ul>{pager}</body></html>"
            self.pages[f"/zwgk/zfxxgknb/{name}"] = Answer(listed.encode())
