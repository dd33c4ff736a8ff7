"""A replica of a 大汉 JCMS portal with a jpage list, and what a right crawl of it must find.

Its traps are the family's (`crawler/spiders/hanweb_jcms.py`): two units on the column page, records inlined and behind
a proxy, a title cut in the text, an item without a `title`, a date split by a newline, one address listed twice, a
GBK page that says UTF-8, a website return among the reports, a 404, and a challenge. The real report of 衢江区民政局
for 2020 stands among the made-up ones; its page is reconstructed (real figures and labels).
"""

from __future__ import annotations

import random
import tomllib
from functools import cached_property
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from crawler.replica.reports import Filled, fill, tables_html
from crawler.replica.site import Answer, Query, Site

HERE = Path(__file__).parent
COLUMN, OTHER_COLUMN = "1229000000", "1229000001"
COLUMN_PATH = f"/col/col{COLUMN}/index.html"
PROXY = "/module/web/jpage/dataproxy.jsp"
YEARS = (2018, 2020, 2022)
CHALLENGE = Answer(
    b"<html><head><meta charset='utf-8'><script>$_ts=window['$_ts'];if(!$_ts)$_ts={};$_ts.nsd=71;</script></head>"
    b"<body></body></html>",
    status=412,
)


class Line(NamedTuple):
    """One record of the list: where it leads, its whole title, its date, and the record's HTML."""

    path: str
    title: str
    date: str
    html: str


def world() -> dict[str, Any]:
    """The invented district: its bodies and their words."""
    with (HERE / "world.toml").open("rb") as file:
        return tomllib.load(file)


class HanwebJcmsSite(Site):
    """The portal, larger with more `years`; a page is made when it is asked for, and is the same each time."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, *, years: tuple[int, ...] = YEARS, per_page: int = 15
    ) -> None:
        super().__init__(host, port)
        self.world = world()
        self.years, self.per_page = years, per_page
        self.made = {
            f"/art/{year + 1}/1/{10 + ordinal}/art_{COLUMN}_{year % 100}{ordinal:03d}.html": (agency, year)
            for year in years
            for ordinal, agency in enumerate(self.world["agencies"])
        }
        self.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /admin/\n", media_type="text/plain")
        home = f'<html><body><a href="{COLUMN_PATH}">{self._titles["column"]}</a></body></html>'
        self.pages["/"] = Answer(home.encode())

    @cached_property
    def _by_path(self) -> dict[str, Line]:
        return {line.path: line for line in self.lines}

    @property
    def _titles(self) -> dict[str, str]:
        titles: dict[str, str] = self.world["titles"]
        return titles

    @cached_property
    def lines(self) -> list[Line]:
        """The list's records in order, the duplicate last."""
        district = self.world["district"]
        found = []
        for path, (agency, year) in self.made.items():
            title = self._titles["report"].format(agency=district["short"] + agency["name"], year=year)
            found.append((path, title, f"{year + 1}-01-{path.split('/')[4]}"))
        extra = [
            (f"/art/2021/2/18/art_{COLUMN}_46828.html", self._titles["real"], "2021-02-18"),
            (f"/art/2023/2/1/art_{COLUMN}_99001.html", self._titles["website"], "2023-02-01"),
            (f"/art/2019/1/9/art_{COLUMN}_99002.html", self._titles["gone"], "2019-01-09"),
            (f"/art/2021/1/9/art_{COLUMN}_99003.html", self._titles["blocked"], "2021-01-09"),
        ]
        found[5:5] = extra
        found.append(found[0])
        return [self._line(ordinal, *parts) for ordinal, parts in enumerate(found)]

    def planted(self) -> dict[str, Any]:
        """What a first crawl must find: entries by decision, report captures by outcome, reports, counts."""
        reports = len(self.made) + 1
        return {
            "decisions": {"duplicate": 1, "fetched": reports + 2, "not_a_report": 1},
            "outcomes": {"blocked": 1, "gone": 1, "new": reports},
            "reports": reports,
            "declared": reports + 4,
            "found": reports + 3,
            "findings": {"count_mismatch": 1},
        }

    def answer(self, query: Query) -> Answer:
        """The column, its proxy, a report's page; else what stands in `pages`."""
        if query.path == COLUMN_PATH:
            return Answer(self._column().encode())
        if query.path == PROXY:
            return self._records(query)
        if query.path in self.made:
            return self._report(query.path, *self.made[query.path])
        if query.path.endswith("_46828.html"):
            return Answer(self._real())
        if query.path.endswith("_99003.html"):
            return CHALLENGE
        return super().answer(query)

    def figures(self, path: str) -> Filled:
        """The figures of the made-up report at `path`."""
        agency, year = self.made[path]
        return fill(year, agency["name"])

    def _line(self, ordinal: int, path: str, title: str, date: str) -> Line:
        shown = title if ordinal % 3 else title[:14] + "…"
        attribute = "" if ordinal == 4 else f' title="{escape(title)}"'
        if ordinal == 4:
            shown = title
        split = date if ordinal % 5 else date[:5] + "\n" + date[5:]
        html = f'<li><a href="{path}"{attribute} target="_blank">{escape(shown)}</a><span>{split}</span></li>'
        return Line(path, title, date, html)

    def _column(self) -> str:
        first = "\n".join(f"<record><![CDATA[{line.html}]]></record>" for line in self.lines[: self.per_page])
        return _template("column.html").substitute(
            column=self._titles["column"],
            portal=self.world["district"]["portal"],
            other_column=self._titles["other_column"],
            other_item=self._titles["other_item"],
            number=COLUMN,
            other_number=OTHER_COLUMN,
            records=first,
            total=len(self.lines),
            per_page=self.per_page,
        )

    def _records(self, query: Query) -> Answer:
        if query.form.get("unitid") != "7001" or query.form.get("columnid") != COLUMN:
            return Answer(b"<datastore></datastore>", media_type="text/xml; charset=utf-8")
        first, last = int(query.query["startrecord"]), int(query.query["endrecord"])
        records = "".join(f"<record><![CDATA[{line.html}]]></record>" for line in self.lines[first - 1 : last])
        body = (
            f"<datastore><totalrecord>{len(self.lines)}</totalrecord><totalpage>{-(-len(self.lines) // self.per_page)}"
            f"</totalpage><recordset>{records}</recordset></datastore>"
        )
        return Answer(body.encode(), media_type="text/xml; charset=utf-8")

    def _report(self, path: str, agency: dict[str, str], year: int) -> Answer:
        line = self._by_path[path]
        district, filled = self.world["district"], self.figures(path)
        full = district["name"] + agency["name"]
        words = {"agency": full, "year": year, "phone": district["phone"], "items": "", "website": ""}
        words["received"] = _total(filled, "applications_received")
        if filled.form == "v2014":
            words["items"] = _total(filled, "proactive_items_disclosed")
            words["website"] = _total(filled, "disclosed_on_website")
        else:
            words["carried"] = _total(filled, "applications_carried_in")
        tables = tables_html(filled)
        parts = [f"<p>{escape(self.world['prose']['opening'].format(**words))}</p>"]
        for section in self.world["prose"]["v2014" if filled.form == "v2014" else "v2019"]:
            parts.append(f"<p><strong>{section['heading']}</strong></p>")
            if section["text"]:
                parts.append(f"<p>{escape(section['text'].format(**words))}</p>")
            parts.append(tables.get(section["heading"][0], "") if "" not in tables else "")
        if "" in tables:
            parts.append(self._statistics(full, year, tables[""]))
        parts.append(f"<p>{full}</p><p>{year + 1}年1月{int(line.date[8:])}日</p>")
        page = _template("report.html").substitute(
            title=line.title,
            portal=district["portal"],
            column=self._titles["column"],
            column_path=COLUMN_PATH,
            published=line.date,
            written=line.date,
            publisher=district["short"] + agency["name"],
            index_number=f"{district['region']}-{agency['code']}/{year + 1}-{path[-10:-5]}",
            body="\n".join(part for part in parts if part),
        )
        charset = "gb18030" if path == next(iter(self.made)) else "utf-8"
        return Answer(page.encode(charset))

    def _statistics(self, full: str, year: int, table: str) -> str:
        people = random.Random(full).sample(self.world["district"]["people"], 3)
        title = "<p>政府信息公开情况统计表</p>" + f"<p>（{year}年度）</p><p>填报单位：{full}</p>"
        names = "单位负责人：{} 审核人：{} 填报人：{}".format(*people)
        return f"{title}{table}<p>{names}</p><p>联系电话：{self.world['district']['phone']}</p>"

    def _real(self) -> bytes:
        return (HERE / "pages" / "qujiang-2020.html").read_bytes()


def _total(filled: Filled, row: str) -> str:
    return filled.number(row, "year_total" if filled.form == "v2014" else "total")


def _template(name: str) -> Template:
    return Template((HERE / "pages" / name).read_text(encoding="utf-8"))
