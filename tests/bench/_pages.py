"""Report pages for the benches: any number, always the same ones, figures that add up, furniture of their portal.

Reconstructed: the tables are the official forms as Word pastes them (tests/typeset), over 80 KB a page with all around
them; menus and scripts are a portal's own and the same on all its pages; prose is half office phrases, half made-up
words drawn by Zipf's law.
Synthetic: ratios between ways of storing them carry over, compression ratios are at the upper end.
"""

from __future__ import annotations

import csv
import random
import re
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import typeset
from typeset_html import Layout
from typeset_html import typeset as set_page

YEARS = tuple(range(2014, 2024))
AGENCIES = 50  # a portal
A_PORTAL = AGENCIES * len(YEARS)
_LAYOUT = Layout(word="mso", variant="single")
_OFFICES = tuple(
    f"{word}局"
    for word in (
        "民政 财政 教育 水利 审计 统计 司法 公安 林业 信访 卫生健康 自然资源 交通运输 农业农村 应急管理 市场监督管理"
        " 医疗保障 退役军人事务 生态环境 住房和城乡建设 人力资源和社会保障 文化和旅游 发展和改革 商务 科技 民族宗教事务"
        " 行政审批服务 城市管理 体育 档案 粮食 广播电视 招商 扶贫开发 移民 畜牧 气象 烟草专卖 供销合作 公路 盐务"
        " 国有资产监督管理 金融工作 机关事务管理 政务服务 大数据管理 老龄工作 外事 侨务 渔业"
    ).split()
)
_PHRASES = (
    "加强组织领导，健全组织机构", "坚持公开为常态、不公开为例外", "完善工作机制", "妥善处理公开与保密的关系",
    "把政务公开工作列入重要议事日程", "纳入全局各科室年度工作目标考核", "建立完善了信息公开工作制度及发布审核流程",
    "通过政府门户网站主动公开各类政府信息", "存在的主要问题是公开内容不够全面", "下一步将加大业务培训力度",
    "重点领域信息公开有待深化", "依申请公开办理程序进一步规范", "及时回应社会关切", "政策解读形式更加多样",
)  # fmt: skip
_CHARACTERS = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所"
    "民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日"
    "那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想"
    "已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指"
)


class Page(NamedTuple):
    url: str
    portal: str
    year: int
    body: bytes
    title: str


@cache
def _words() -> tuple[list[str], list[float]]:
    rng = random.Random("words")
    words = ["".join(rng.choices(_CHARACTERS, k=rng.choice((2, 2, 2, 3, 4)))) for _ in range(4000)]
    return words, list(accumulate(1 / (n + 10) for n in range(len(words))))


@cache
def _counties() -> list[tuple[str, str]]:
    with (Path(__file__).parents[2] / "parsers" / "data" / "regions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return [(row["code"], row["name"]) for row in rows if row["name"].endswith("县") and not row["valid_to"]]


def county(portal: int) -> tuple[str, str]:
    """Code and name of the county that a portal is of."""
    return _counties()[portal]


@cache
def _template(form_id: str) -> tuple[list[str], list[typeset.Key]]:
    """The page's text around its value cells, and the cell (form, indicator, col) of each gap."""
    counter = iter(range(9_000_000, 10_000_000))

    def marked(rng: random.Random, **_: Any) -> typeset.Token:
        return typeset.Token(str(next(counter)), None, "number")

    kept = typeset.count_token, typeset.money_token
    typeset.count_token, typeset.money_token = marked, marked
    try:
        page = set_page(form_id, _LAYOUT)
    finally:
        typeset.count_token, typeset.money_token = kept
    parts = re.split(r"9\d{6}(?=<)", page.body.decode())
    assert len(parts) == len(page.expected) + 1, (form_id, len(parts), len(page.expected))
    return parts, list(page.expected)


def _values(form_id: str, rng: random.Random) -> dict[tuple[str, str], int]:
    """A figure for each cell, such that the exact checks hold; most are 0, as in real reports."""

    def small() -> int:
        return rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3, 8, 21, 163)) if rng.random() < 0.5 else 0

    values: dict[tuple[str, str], int] = {}
    for table in typeset.form(form_id)["tables"]:
        rows = [row for row in table["rows"] if row["kind"] == "value"]
        columns = typeset.columns_of(table, _LAYOUT)
        for row in rows:
            for column in columns:
                values[row["code"], column["code"]] = small()
        if table["shape"] == "list":
            children: dict[str, list[str]] = {}
            for row in rows:
                if row.get("relation") == "component":
                    children.setdefault(row.get("parent", ""), []).append(row["code"])
            for row in reversed(rows):
                for column in columns:
                    if parts := children.get(row["code"]):
                        values[row["code"], column["code"]] = sum(values[part, column["code"]] for part in parts)
            for column in columns:
                values["applications_concluded", column["code"]] = values["replies_total", column["code"]]
                values["concluded_on_time", column["code"]] = values["replies_total", column["code"]]
                values["concluded_after_extension", column["code"]] = 0
        elif table["id"] == "applications":
            sums = ("applications_received", "applications_carried_in", "applications_carried_out", "results_total")
            leaves = [row["code"] for row in rows if row["code"] not in sums]
            people = [column["code"] for column in columns if column["code"] != "total"]
            for person in people:
                total = values["results_total", person] = sum(values[leaf, person] for leaf in leaves)
                carried = values["applications_carried_in", person] + values["applications_received", person] - total
                values["applications_carried_out", person] = max(carried, 0)
                values["applications_received", person] -= min(carried, 0)
            for row in rows:
                values[row["code"], "total"] = sum(values[row["code"], person] for person in people)
        elif table["id"] == "review_litigation":
            for path in ("review", "litigation_direct", "litigation_after_review"):
                parts = [f"{path}_{outcome}" for outcome in ("upheld", "corrected", "other", "pending")]
                values["cases", f"{path}_total"] = sum(values["cases", part] for part in parts)
    return values


@cache
def _furniture(portal: int) -> tuple[str, str]:
    """Head and foot of a portal's pages: a script of its own, menus, links; about 12 KB together."""
    rng = random.Random(f"portal {portal}")
    words, _ = _words()
    menu = "".join(
        f"<li class='nav-{rng.randrange(99)}'><a href='/col/col{rng.randrange(10**7)}/index.html' title='{word}'>"
        f"{word}</a></li>"
        for word in rng.sample(words, 60)
    )
    script = "".join(f"var s{n}='{rng.getrandbits(96):x}';function f{n}(a){{return a+s{n};}}" for n in range(40))
    styles = "".join(f".c{n}{{color:#{rng.getrandbits(24):06x};width:{rng.randrange(999)}px}}" for n in range(60))
    head = f"<style>{styles}</style><script>{script}</script><div class=top><ul>{menu}</ul></div>"
    links = "".join(f"<a href='http://{word}.example/'>{word}</a> " for word in rng.sample(words, 40))
    return head, f"<div class=foot>{links}<p>备案号{rng.randrange(10**8)}</p></div>"


def _prose(rng: random.Random, length: int) -> str:
    words, weights = _words()
    parts: list[str] = []
    size = 0
    while size < length:
        part = rng.choice(_PHRASES) if rng.random() < 0.5 else "".join(rng.choices(words, cum_weights=weights, k=4))
        parts.append(part)
        size += len(part) + 1
    return "".join(f"<p class=MsoNormal><span style='font-family:仿宋'>{part}。</span></p>" for part in parts)


def page(number: int, version: int = 0) -> Page:
    """The `number`-th page; a later `version` differs in its furniture's counter, and each tenth in one figure."""
    portal, place = divmod(number, A_PORTAL)
    agency, at = divmod(place, len(YEARS))
    year = YEARS[at]
    form_id = "v2014" if year < 2019 else "v2019" if year < 2021 else "v2021"
    rng = random.Random(f"page {number}")
    parts, cells = _template(form_id)
    values = _values(form_id, rng)
    if version and number % 10 == 0:
        values[cells[0][1], cells[0][2]] += version
    text = parts[0] + "".join(f"{values[cell[1], cell[2]]}{part}" for cell, part in zip(cells, parts[1:], strict=True))
    name = f"{county(portal)[1]}{_OFFICES[agency]}"
    text = re.sub(r"20(16|20|22)年", f"{year}年", re.sub("(衢州市)?(衢江)?区民政局", name, text))
    head, foot = _furniture(portal)
    title = f"{name}{year}年政府信息公开工作年度报告"
    metas = (
        f"<meta name='ArticleTitle' content='{title}'>"
        f"<meta name='PubDate' content='{year + 1}-01-{rng.randrange(10, 31)} 10:0{rng.randrange(10)}'>"
    )
    counter = f"<span id=hits>{number * 7 + version}</span>"
    prose = _prose(rng, rng.randrange(800, 2200))
    text = text.replace("</head>", metas + "</head>", 1).replace("<body>", "<body>" + head, 1)
    text = text.replace("<div id=zoom>", f"<div id=zoom>{counter}", 1).replace("</body>", foot + "</body>", 1)
    cut = text.rfind("<p", 0, text.index("<table"))
    body = (text[:cut] + prose + text[cut:]).encode()
    return Page(f"http://p{portal}.example/art/{year + 1}/art_{portal}_{place}.html", f"p{portal}", year, body, title)
