"""What the replicas of most families share: a county's lines, a trap each, their pages, and what a right crawl finds.

The traps are those that any vendor's portal has: an address listed twice, a `title` beside a cut text and an item
without a `title`, a GBK page that says UTF-8, tables that are pictures, a report that is an attachment behind a
redirect, a website return among the reports, a missing page with status 200, a challenge. How lines are listed and
where they lead is the family's. All pages are reconstructed: labels and addresses are real ones, figures come from
the seeded generator, places are real and their figures made up.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from html import escape
from typing import Any, ClassVar, NamedTuple

from crawler.replica.hanweb_jcms import CHALLENGE, world
from crawler.replica.reports import fill, tables_html
from crawler.replica.site import Answer, Query, Site

BODIES = ("教育局", "财政局", "水利局", "审计局", "统计局", "民政局", "司法局")
YEARS = (2017, 2019, 2020, 2021, 2022, 2022, 2023)
FATES = ("report", "report", "gbk", "image", "attached", "report", "report", "website", "missing", "blocked")
READ = frozenset({"report", "gbk", "image", "attached"})
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
MISSING = Answer("<html><head><title>提示</title></head><body>您访问的页面不存在或已删除！</body></html>".encode())


class Line(NamedTuple):
    """One line of the portal's lists, in the order of the lists; `fate` is what its address turns out to be."""

    number: int
    path: str
    title: str
    date: str
    fate: str
    body: str
    year: int

    def twin(self) -> Line:
        """The same page as telephones are given it."""
        name, _, extension = self.path.rpartition(".")
        return self._replace(path=f"{name}_wap.{extension}")

    def link(self, href: str | None = None, *, titled: bool = True) -> str:
        """The line's `<a>`: every second text is cut beside a whole `title`, every third has no `title`."""
        shown, attribute = self.title, ""
        if titled and self.number % 3:
            attribute = f' title="{escape(self.title)}"'
            shown = self.title[:12] + "…" if self.number % 2 else self.title
        return f'<a href="{escape(href or self.path)}"{attribute} target="_blank">{escape(shown)}</a>'


class FamilySite(Site):
    """A county's portal: ten lines and their pages, all made at the start. A family says addresses and lists."""

    family: ClassVar[str]
    place: ClassVar[str]
    region: ClassVar[str]
    column: str  # the path that the portal's TOML names
    more: tuple[str, ...] = ()  # the decisions of the lines besides those of `lines`
    fates: ClassVar[tuple[str, ...]] = FATES

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.pages["/"] = html(document(self.place, '<a href="/zwgk/">政府信息公开</a>'))
        self.pages["/zwgk/"] = html(document("政府信息公开", f'<a href="{escape(self.column)}">政府信息公开年报</a>'))
        self.lines = [self._line(number, fate) for number, fate in enumerate(self.fates)]
        for line in self.lines:
            self.pages[line.path] = self.page_of(line)
            if line.fate == "attached":
                self.pages[self.download(line)] = Answer(status=302, headers=(("Location", self.file(line)),))
                self.pages[self.file(line)] = Answer(PDF, media_type="application/pdf")

    def address(self, number: int, date: str) -> str:
        """The path of a report's page, as the family writes it."""
        raise NotImplementedError

    def article(self, line: Line, text: str) -> str:
        """A report's page, as the family typesets it, around its `text`."""
        raise NotImplementedError

    def account(self, number: int) -> tuple[str, int]:
        """Which body's report of which year a line leads to."""
        return BODIES[number % len(BODIES)], YEARS[number % len(YEARS)]

    def row_of(self, line: Line) -> tuple[str, str | None]:
        """The title and the date of the line's row."""
        return line.title, line.date

    def title_of(self, number: int, body: str, year: int) -> str:
        """A report's title in the lists."""
        return f"{self.place}{body}{year}年政府信息公开工作年度报告"

    def download(self, line: Line) -> str:
        """The address behind which a line's attachment is."""
        return f"/attachment/0/12/{12340 + line.number}.pdf"

    def file(self, line: Line) -> str:
        """Where the attachment itself lies."""
        return f"/files/{self.hex_of(line.number)}.pdf"

    def planted(self) -> dict[str, Any]:
        """What a first crawl must find: entries by decision, report captures by outcome, reports, counts, findings.

        `more` holds the lines besides, by decision: duplicates, columns, what leads elsewhere.
        """
        fates = Counter(line.fate for line in self.lines)
        read = sum(fates[fate] for fate in READ)
        decisions = Counter({"fetched": read + fates["missing"] + fates["blocked"], "not_a_report": fates["website"]})
        decisions.update(self.more)
        refused = self.more.count("refused")
        outcomes = {"new": read, "gone": fates["missing"], "blocked": fates["blocked"], "refused": refused}
        return {
            "decisions": {decision: number for decision, number in decisions.items() if number},
            "outcomes": {outcome: number for outcome, number in outcomes.items() if number},
            "reports": read,
            "found": len(self.lines) + refused,
            "declared": None,
            "findings": {},
        }

    def hex_of(self, number: int, length: int = 32) -> str:
        """A line's id in hexadecimal digits, the same every time."""
        return hashlib.sha256(f"{self.family}/{number}".encode()).hexdigest()[:length]

    def uuid_of(self, number: int) -> str:
        """A line's id as a UUID is written."""
        digits = self.hex_of(number)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def page_of(self, line: Line) -> Answer:
        """What a line's address gives."""
        if line.fate == "missing":
            return MISSING
        if line.fate == "blocked":
            return CHALLENGE
        page = self.article(line, self.text_of(line))
        return Answer(page.encode("gb18030" if line.fate == "gbk" else "utf-8"))

    def text_of(self, line: Line) -> str:
        """A report's text: its sections with their tables, or with pictures for them, or only an attachment."""
        full = self.place + line.body
        if line.fate == "attached":
            return f'<p>附件：<a href="{self.download(line)}">{line.title}.pdf</a></p>'
        filled = fill(line.year, full)
        tables = tables_html(filled)
        words: dict[str, Any] = {"agency": full, "year": line.year, "phone": "0570-0000000", "carried": ""}
        old = filled.form == "v2014"
        words["received"] = filled.number("applications_received", "year_total" if old else "total")
        if old:
            words["items"] = filled.number("proactive_items_disclosed", "year_total")
            words["website"] = filled.number("disclosed_on_website", "year_total")
        else:
            words["carried"] = filled.number("applications_carried_in", "total")
        prose = world()["prose"]
        parts = [f"<p>{escape(prose['opening'].format(**words))}</p>"]
        for section in prose["v2014" if old else "v2019"]:
            parts.append(f"<p><strong>{section['heading']}</strong></p>")
            if section["text"]:
                parts.append(f"<p>{escape(section['text'].format(**words))}</p>")
            table = tables.get(section["heading"][0], "") if not old else ""
            parts.append('<p><img src="/picture/table.png"></p>' if table and line.fate == "image" else table)
        if old:
            parts.append('<p><img src="/picture/table.png"></p>' if line.fate == "image" else tables[""])
        return "\n".join(part for part in parts if part)

    def answer(self, query: Query) -> Answer:
        """The family's lists, else what stands in `pages` under the path."""
        return self.listed(query) or super().answer(query)

    def listed(self, query: Query) -> Answer | None:
        """The answer to a request for a list, None for any other."""
        raise NotImplementedError

    def _line(self, number: int, fate: str) -> Line:
        body, year = self.account(number)
        date = f"{year + 1}-01-{10 + number}"
        title = self.title_of(number, body, year)
        if fate == "website":
            title = f"{self.place}人民政府网站工作年度报表（{year}年度）"
        elif fate in ("missing", "blocked"):
            title = title.replace(body, "档案局" if fate == "missing" else "信访局")
        return Line(number, self.address(number, date), title, date, fate, body, year)


def document(title: str, *parts: str, head: str = "") -> str:
    """A whole page."""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{escape(title)}</title>{head}</head>'
        f"<body>{''.join(parts)}</body></html>"
    )


def metas(line: Line, site: str) -> str:
    """The mandated metas, which pages of every vendor carry."""
    named = {
        "SiteName": site,
        "ColumnName": "政府信息公开年报",
        "ArticleTitle": line.title,
        "PubDate": f"{line.date} 09:30",
        "ContentSource": line.body,
    }
    return "".join(f'<meta name="{name}" content="{escape(content)}">' for name, content in named.items())


def html(text: str) -> Answer:
    """An HTML answer."""
    return Answer(text.encode())


def json_answer(text: str) -> Answer:
    """A JSON answer."""
    return Answer(text.encode(), media_type="application/json;charset=UTF-8")
