"""An invented county, 青溪县, for the families' replicas: its reports as pages, and the same traps on every portal.

What a portal shows is drawn here once; how a CMS addresses and frames it is its replica's. All pages are made up, with
figures that obey the forms. The traps that every family has (the checklist of the portals' survey): a title that is
cut, an item without a `title`, a date that is missing, an address listed twice, a GBK page that says UTF-8, a telephone
twin, a report that is a picture, one that is its attachments (a redirect among them), a challenge, a missing page
with status 200 and one with 404, a return about the website, a guide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, NamedTuple

from crawler.replica.reports import fill, tables_html
from crawler.replica.site import NOT_FOUND, Answer, Site

COUNTY = "青溪县"
BODIES = ("民政局", "教育局", "财政局", "水利局", "司法局", "审计局", "统计局", "林业局", "住建局", "交通运输局")
TOWNS = ("云溪镇", "石门镇", "白沙乡", "城关街道办事处")
SECTIONS = (
    "一、总体情况",
    "二、主动公开政府信息情况",
    "三、收到和处理政府信息公开申请情况",
    "四、政府信息公开行政复议、行政诉讼情况",
    "五、存在的主要问题及改进情况",
    "六、其他需要报告的事项",
)
PROSE = "{body}在{year}年度按照条例的要求开展政府信息公开工作，及时公布应当主动公开的信息，并答复收到的申请。"
CHALLENGE = Answer(
    b"<html><head><script>$_ts=window['$_ts'];if(!$_ts)$_ts={};</script></head><body></body></html>", status=412
)
MISSING = Answer("<html><body><div>您访问的页面不存在或已删除</div></body></html>".encode())
DOCUMENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class Item(NamedTuple):
    """One line of a list and the page behind it. `slug` tells pages apart in addresses; `outcome` is its capture's on
    a first crawl, empty where it is no report; `files` are the addresses that its page links; `filled` says whose
    figures of which year its tables print, if they do."""

    slug: str
    title: str
    date: str
    page: Answer
    outcome: str = "new"
    files: tuple[str, ...] = ()
    filled: tuple[str, int] | None = None


class Article(NamedTuple):
    """A page to be framed by a CMS: its title, day, publisher, and its text as HTML."""

    title: str
    date: str
    publisher: str
    body: str


Frame = Callable[[Article], str]


def title_of(body: str, year: int) -> str:
    """A report's title in full."""
    return f"{COUNTY}{body}{year}年政府信息公开工作年度报告"


def report_body(body: str, year: int, sections: Iterable[int] = range(6)) -> str:
    """The text of a body's report, or some of its six sections."""
    tables = tables_html(fill(year, body))
    parts = []
    for number in sections:
        heading = SECTIONS[number]
        text = PROSE.format(body=COUNTY + body, year=year) if number in (0, 4) else ""
        parts.append(f"<p><strong>{heading}</strong></p><p>{text}</p>{tables.get(heading[0], '')}")
    return "".join(parts)


def report(body: str, year: int, day: int, frame: Frame, *, charset: str = "utf-8", text: str | None = None) -> Item:
    """A body's report as a page of the portal."""
    title, date = title_of(body, year), f"{year + 1}-01-{day:02d}"
    article = Article(title, date, COUNTY + body, report_body(body, year) if text is None else text)
    filled = (body, year) if text is None else None
    return Item(f"{year}{day:02d}", title, date, Answer(frame(article).encode(charset)), filled=filled)


def traps(year: int, frame: Frame, files: str, download: str) -> list[Item]:
    """The items that every family's list holds beside its reports; `files` is the folder of attachments, `download`
    the address of a download that redirects there."""
    image = f'<p><img src="{files}1.png"></p>'
    linked = (
        f'<p>附件：<a href="{escape(download)}">年度报告.docx</a></p><p><a href="{files}2.pdf">年度报告.pdf</a></p>'
    )
    picture = report("统计局", year, 21, frame, text=image)._replace(files=(f"{files}1.png",))
    attached = report("林业局", year, 22, frame, text=linked)._replace(files=(download, f"{files}2.pdf"))
    other = report("商务局", year, 23, frame)._replace(filled=None)
    website = Item("w1", f"{COUNTY}政府网站工作年度报表（{year}年度）", f"{year + 1}-01-27", MISSING, "")
    guide = Item("w2", f"{COUNTY}民政局政府信息公开指南", f"{year + 1}-01-28", MISSING, "")
    return [
        picture,
        attached,
        other._replace(page=CHALLENGE, outcome="blocked"),
        other._replace(slug=f"{year}24", page=MISSING, outcome="gone", title=title_of("粮食局", year)),
        other._replace(slug=f"{year}25", page=NOT_FOUND, outcome="gone", title=title_of("档案局", year)),
        website,
        guide,
    ]


def departments(frame: Frame, files: str, download: str) -> list[Item]:
    """The items of a usual list: six departments' reports of 2021, the first in GB 18030, and the `traps`."""
    reports = [
        report(body, 2021, 10 + n, frame, charset="utf-8" if n else "gb18030") for n, body in enumerate(BODIES[:6])
    ]
    return [*reports, *traps(2021, frame, files, download)]


class CountySite(Site):
    """A portal of the county: pages by address, and what a first crawl of them must find.

    A replica adds its lists with `listed` for each line it shows, and says in `findings` what the lists' faults are.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.decisions: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.titles: dict[str, str] = {}
        self.attachments: set[str] = set()
        self.filled: dict[str, tuple[str, int]] = {}
        self.columns = 0
        self.declared: int | None = None
        self.visit = "finished"
        self.pages["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /admin/\n", media_type="text/plain")

    def home(self, disclosure: str, column: str, extra: str = "") -> None:
        """The home page, the disclosure page and the mandated name of the column on it."""
        self.pages["/"] = self.html(f'<title>{COUNTY}人民政府</title><a href="{disclosure}">政府信息公开</a>{extra}')
        self.pages.setdefault(disclosure, self.html(f'<a href="{column}">政府信息公开年报</a>{extra}'))

    def html(self, text: str, charset: str = "utf-8") -> Answer:
        """A page of the portal that says it is UTF-8, whatever it is."""
        page = f'<!DOCTYPE html><html><head><meta charset="utf-8"></head><body>{text}</body></html>'
        return Answer(page.encode(charset))

    def files(self, folder: str, download: str = "") -> None:
        """The files behind attachments: a picture, a PDF, and a document that the path `download` redirects to."""
        self.pages[f"{folder}1.png"] = Answer(b"\x89PNG\r\n\x1a\n" + b"\0" * 64, media_type="image/png")
        self.pages[f"{folder}2.pdf"] = Answer(b"%PDF-1.4\n%%EOF\n", media_type="application/pdf")
        self.pages[f"{folder}3.docx"] = Answer(b"PK\x03\x04" + b"\0" * 64, media_type=DOCUMENT)
        if download:
            self.pages[download] = Answer(status=302, headers=(("Location", f"{folder}3.docx"),))

    def listed(self, item: Item, path: str, *, again: bool = False) -> None:
        """Count a line of a list: `again` where its address was listed before."""
        if again:
            self.decisions["duplicate"] += 1
            return
        self.pages.setdefault(path, item.page)
        self.titles[path] = item.title
        self.decisions["fetched" if item.outcome else "not_a_report"] += 1
        self.attachments |= set(item.files)
        if item.filled:
            self.filled[path] = item.filled
        if item.outcome:
            self.outcomes[item.outcome] += 1

    def column(self, path: str, title: str) -> None:
        """Count a line that leads to a further list: no address of the portal's found."""
        self.titles[path] = title
        self.decisions["not_a_report"] += 1
        self.columns += 1

    def planted(self) -> dict[str, Any]:
        """What a first crawl must find: entries by decision, report captures by outcome, reports, counts, findings."""
        return {
            "decisions": dict(self.decisions),
            "outcomes": dict(self.outcomes),
            "reports": self.outcomes["new"],
            "declared": self.declared,
            "found": self.decisions["fetched"] + self.decisions["not_a_report"] - self.columns,
            "findings": dict(self.findings),
        }


def line(item: Item, href: str, number: int, *, date: str = "<span>{}</span>", cls: str = "") -> str:
    """A line of a list as portals write it: every third title cut, the first item without `title`, the fourth
    without its date."""
    whole = number % 5 == 0
    shown = item.title if whole else item.title[:12] + "…"
    attribute = "" if whole else f' title="{escape(item.title)}"'
    when = "" if number == 3 else date.format(item.date)
    return f'<li><a{cls} href="{escape(href)}"{attribute} target="_blank">{escape(shown)}</a>{when}</li>'
