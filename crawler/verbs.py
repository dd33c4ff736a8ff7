"""`gongkai portals list / check / add`: the verbs of the registry; `gongkai.py` adds them to the command.

Arguments in, one call into the package, text out. Exit codes are those of docs/design.md, "Contract: the front door".
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from archive import terminal
from archive.door import show, stop, with_json
from crawler.portals import Portal, PortalError, choose, host_and_port, load, not_crawlable, without_spider

with_portals = click.option(
    "--portals",
    "portals_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="GONGKAI_PORTALS",
    help="A TOML file of portals, beside the shipped ones; may be repeated.",
)
STATES = {
    "reachable": "可访问",
    "empty": "空列表",
    "moved": "已迁移",
    "gone": "已消失",
    "blocked": "被拦截",
    "refused": "不予抓取",
    "failed": "访问失败",
    "host_left_alone": "暂不打扰",
    "no_spider": "暂无爬虫",
    "not_asked": "未检查",
}
_CLOSED = frozenset({"blocked", "refused", "host_left_alone"})


@click.group()
def portals() -> None:
    """The registry of portals. 门户登记。"""


@portals.command("list")
@with_portals
@with_json
def list_portals(portals_files: tuple[Path, ...], as_json: bool) -> None:
    """Every portal, and what cannot be crawled yet. 列出全部门户，以及暂不能抓取的地址。

    Key, name, region, family, address, and when it was last seen to work. Below them known addresses that no spider
    can use, with the reason.

    \b
    Exit codes: 0 listed; 2 a portals file that cannot be used (its line is named).
    """
    headings = ("key", "name", "region", "family", "url", "seen")
    registry = load(portals_files)
    left, lacking = not_crawlable(), without_spider(registry.values())
    rows = [[getattr(portal, name) for name in headings] for portal in registry.values()]
    more = ("list", "hosts", "pages", "evidence")
    result = {
        "portals": [
            dict(zip(headings, row, strict=True))
            | dict(zip(more, (portal.listed, portal.hosts, portal.pages, portal.evidence), strict=True))
            | {"spider": portal.family not in lacking}
            for row, portal in zip(rows, registry.values(), strict=True)
        ],
        "not_crawlable": [place._asdict() for place in left],
    }

    def text() -> None:
        terminal.print_table(rows, headings)
        if left:
            click.echo("Not crawlable yet 暂不能抓取：")
            terminal.print_table([[p.name, p.region, p.url, p.reason] for p in left], ("name", "region", "url", "why"))
        for family, keys in lacking.items():
            click.echo(f"The family {family} has no spider yet 尚无爬虫: {', '.join(keys)}")

    show(result, as_json, text)


@portals.command("check")
@with_portals
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--mark", is_flag=True, help="Write today's date as `seen` of each portal that is reachable.")
@with_json
def check_portals(keys: tuple[str, ...], portals_files: tuple[Path, ...], mark: bool, as_json: bool) -> None:
    """Ask each portal for a page or two. 用一两次请求检查门户能否访问。

    It says of each: reachable (and what it lists), empty, moved (and to where), gone, blocked, refused, failed. No
    KEY means all. The crawl's manners hold: one request a second to a host, robots.txt, GONGKAI_CONTACT. Nothing is
    archived.

    \b
    Exit codes: 0 all are reachable; 1 someone must look (each is named); 2 usage: an unknown key, no contact;
    3 none is reachable, and what is not is blocked or refused.

    \b
    Examples:
      GONGKAI_CONTACT=you@example.org gongkai portals check yantai
      gongkai portals check --portals mine.toml my-county --json
    """
    chosen = choose(load(portals_files), keys)
    lacking = without_spider(chosen)
    asked = [portal for portal in chosen if portal.family not in lacking]
    from crawler import probing

    with terminal.progress_bar("check") as progress:
        answers = probing.probe(asked, probing.check, progress) if asked else {}
    states = []
    for portal in chosen:
        nothing = ("no_spider", f"the family {portal.family} has no spider yet", portal.url)
        missing = nothing if portal.family in lacking else ("not_asked", "the run was interrupted", portal.url)
        state, told, url = answers.get(portal.key, missing)
        states.append({"key": portal.key, "state": state, "url": url, "told": told})
    if mark:
        _mark(chosen, {str(state["key"]) for state in states if state["state"] == "reachable"})
    rows = [[s["key"], f"{s['state']} {STATES[str(s['state'])]}", s["told"]] for s in states]
    show({"portals": states}, as_json, lambda: terminal.print_table(rows, ("portal", "state", "seen")))
    amiss = [str(state["state"]) for state in states if state["state"] != "reachable"]
    if amiss and len(amiss) == len(states) and set(amiss) <= _CLOSED:
        raise SystemExit(3)
    raise SystemExit(1 if amiss else 0)


def _mark(chosen: list[Portal], reachable: set[str]) -> None:
    from crawler import registering

    for path in sorted({portal.source.rpartition(", line ")[0] for portal in chosen if portal.key in reachable}):
        registering.mark_seen(Path(path), reachable, _today())


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@portals.command("add")
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option("--portals", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write into this file.")
@click.option("--print", "only_print", is_flag=True, help="Print the table and write nothing.")
@click.option("--name", help="The name of the body whose portal it is, where the site does not say it clearly.")
@click.option("--region", metavar="CODE", help="Its GB/T 2260 code, where the name does not tell.")
@click.option("--key", help="Its permanent key; by default from the host's name.")
@with_json
def add_portals(
    urls: tuple[str, ...],
    file: Path | None,
    only_print: bool,
    name: str | None,
    region: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Add a portal from its address. 由网址登记门户：识别系统，找到“政府信息公开年报”栏目。

    URL is a site's home page, or any page of it. The family is told from what its product writes, the annual-report
    column is found by its names, with at most twelve polite requests. The table goes into FILE, else into the file of
    the province; a host that is not official (.gov.cn) has its table printed. Where no column is found, every page that
    was looked at is named with what was seen there.

    \b
    Exit codes: 0 added, printed, or already there; 1 no column found, or the region is not told (what was seen is
    named); 2 usage: no web address, a bad option, no contact; 3 blocked, robots.txt or refusals left nothing to see.

    \b
    Examples:
      GONGKAI_CONTACT=you@example.org gongkai portals add http://www.yantai.gov.cn/
      gongkai portals add http://www.example.gov.cn/ --portals mine.toml --name 某县人民政府 --region 330825
    """
    _usage(urls, file, name=name, region=region, key=key)
    from crawler import probing
    from crawler.discovery import Search, discover

    seeds = {f"asked-{n}": Portal(f"asked-{n}", "", "000000", "plain", url) for n, url in enumerate(urls, 1)}

    async def job(prober: probing.Prober, seed: str) -> Search:
        async def fetch(url: str) -> Any:
            return await prober.fetch(seed, url)

        return await discover(seeds[seed].url, fetch, lambda family, page: prober.lines(seed, family, page))

    with terminal.progress_bar("add") as progress:
        found = probing.probe(list(seeds.values()), job, progress)
    results = []
    for seed, portal in seeds.items():
        search = found.get(seed) or Search(None, [], ["interrupted"])
        results.append(_settle(portal.url, search, file, only_print=only_print, name=name, region=region, key=key))
    result = {"portals": results}
    show(result, as_json, lambda: _tell(results))
    problems = [item for item in results if item["problem"]]
    if problems and all(item["closed"] for item in problems) and len(problems) == len(results):
        raise SystemExit(3)
    raise SystemExit(1 if problems else 0)


def _usage(urls: tuple[str, ...], file: Path | None, **given: str | None) -> None:
    from crawler.portals import is_key
    from parsers import regions

    for url in urls:
        if urlsplit(url).scheme not in ("http", "https") or not all(host_and_port(url)):
            stop(2, f"{url} is no web address (http:// or https://).")
    if len(urls) > 1 and any(given.values()):
        stop(2, "--name, --region and --key are for one URL at a time.")
    if given["region"] and regions.lookup(given["region"]) is None:
        stop(2, f"{given['region']} is no code of GB/T 2260 that the project knows (parsers/data/regions.csv).")
    if given["key"] and not is_key(given["key"]):
        stop(2, f"{given['key']} is no key: small letters, digits and single dashes.")
    if file is not None and file.exists():
        load([file])


def _settle(
    url: str, search: Any, file: Path | None, *, only_print: bool, name: str | None, region: str | None, key: str | None
) -> dict[str, Any]:
    """What a search comes to: a table written, printed, there already, or the problem."""
    from crawler import registering
    from crawler.discovery import region_of

    steps = [step._asdict() for step in search.steps]
    result: dict[str, Any] = {"asked": url, "key": None, "table": None, "file": None, "problem": None, "steps": steps}
    result["closed"] = bool(search.outcomes) and set(search.outcomes) <= _CLOSED
    column = search.column
    if column is None:
        return result | {"problem": "no annual-report column was found 未找到年报栏目"}
    registry = load([file] if file is not None and file.exists() else [])
    known = next((portal for portal in registry.values() if _same(portal, column.url)), None)
    if known is not None:
        return result | {"key": known.key, "file": known.source, "table": registering.table(known), "known": True}
    full = name or column.site
    code = region or (region_of(name) if name else "") or column.place
    official = host_and_port(column.url)[0].endswith(".gov.cn")
    portal = Portal(
        key=key or registering.key_for(column.url, registry),
        name=full or "?",
        region=code or "?",
        family=column.family,
        url=column.url,
        evidence=f"gongkai portals add, from {url}: {column.family} by {column.signal}",
        seen=_today(),
    )
    result |= {"key": portal.key, "table": registering.table(portal), "official": official}
    if missing := [option for option, value in (("--name", full), ("--region", code)) if not value]:
        return result | {"problem": f"the site does not tell clearly whose it is: say {' and '.join(missing)} 请补充"}
    if portal.key in registry:
        return result | {"problem": f"there is a portal {portal.key} already: say another --key"}
    path = file or (registering.shipped_file(portal.region) if official else None)
    if path is not None and not only_print:
        try:
            registering.add(portal, path)
        except PortalError as error:
            return result | {"problem": str(error)}
        result["file"] = str(path)
    return result


def _same(portal: Portal, url: str) -> bool:
    from archive.addresses import canonical_url

    without_scheme = [canonical_url(each).partition("://")[2] for each in (portal.url, url)]
    return portal.listed and without_scheme[0] == without_scheme[1]


def _tell(results: list[dict[str, Any]]) -> None:
    for item in results:
        if item["table"]:
            terminal.print_lines(item["table"].splitlines())
        if item["problem"]:
            click.echo(f"gongkai: {terminal.plain(item['asked'])}: {item['problem']}", err=True)
            for step in item["steps"]:
                named = f" ({step['name']})" if step["name"] else ""
                click.echo(terminal.plain(f"  {step['url']}{named}: {step['seen']}"), err=True)
        elif item.get("known"):
            click.echo(f"already a portal 已登记: {item['file']}", err=True)
        elif item["file"] is None and not item["official"]:
            click.echo("not written: the host is not official (.gov.cn) 非官方域名，未写入", err=True)
        elif item["file"]:
            click.echo(f"written to 已写入 {item['file']}", err=True)
