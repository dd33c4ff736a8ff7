"""The registry of portals: TOML tables, one file a province, checked before anything is fetched.

A portal is data (docs/design.md, "A portal"; docs/portals.md for contributors). Files under `crawler/portals/` are
shipped: they may name only official hosts (`*.gov.cn`), and must say how a portal is known and when it was last seen
to work. A file given with `--portals` is trusted as it stands, loopback hosts included, and its tables come beside the
shipped ones, under other keys. Addresses that cannot be crawled yet stand in `not_crawlable.toml` with the reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SHIPPED = Path(__file__).parent / "portals"
SPIDERS = Path(__file__).parent / "spiders"
FAMILIES = Path(__file__).parent / "families.toml"
NOT_CRAWLABLE = Path(__file__).parent / "not_crawlable.toml"
NEVER = "never"
PROVINCES = {
    "00": "national", "11": "beijing", "12": "tianjin", "13": "hebei", "14": "shanxi", "15": "neimenggu",
    "21": "liaoning", "22": "jilin", "23": "heilongjiang", "31": "shanghai", "32": "jiangsu", "33": "zhejiang",
    "34": "anhui", "35": "fujian", "36": "jiangxi", "37": "shandong", "41": "henan", "42": "hubei", "43": "hunan",
    "44": "guangdong", "45": "guangxi", "46": "hainan", "50": "chongqing", "51": "sichuan", "52": "guizhou",
    "53": "yunnan", "54": "xizang", "61": "shaanxi", "62": "gansu", "63": "qinghai", "64": "ningxia", "65": "xinjiang",
}  # fmt: skip
"""The file of each province: the first two digits of GB/T 2260 to the name of the file."""

_REQUIRED = ("name", "region", "family", "url")
_LISTS = ("hosts", "pages")
_KNOWN = ("evidence", "seen")
_SETTINGS = (*_REQUIRED, "list", *_LISTS, *_KNOWN)
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class PortalError(ValueError):
    """A portals file or a portal's key that cannot be used; the message names file, line and key."""


@dataclass(frozen=True)
class Portal:
    """One entry point on one government host; `hosts` are further hosts, `name` or `name:port`.

    `listed` is false (`list = false`) where `url` is only the site's home and no list is known: `pages` are fetched and
    nothing else. `evidence` says how the portal is known; `seen` is the last day it was seen to work, or `never`.
    """

    key: str
    name: str
    region: str
    family: str
    url: str
    hosts: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    listed: bool = True
    evidence: str = ""
    seen: str = NEVER
    source: str = field(default="", compare=False)

    def trusts(self, hostname: str, port: int) -> bool:
        """Whether host and port are the portal's own, by its URL, its `hosts` or its `pages`."""
        addresses = [host_and_port(url) for url in (self.url, *self.pages)]
        if (hostname, port) in addresses:
            return True
        return any(
            host in (hostname, f"{hostname}:{port}") and (":" in host or port in _DEFAULT_PORTS.values())
            for host in self.hosts
        )


class NotCrawlable(NamedTuple):
    """An official address that is known and that no spider of ours can use yet, with the reason."""

    name: str
    region: str
    url: str
    reason: str
    evidence: str


def is_key(text: str) -> bool:
    """Whether a text can be a portal's key."""
    return _KEY.fullmatch(text) is not None


def host_and_port(url: str) -> tuple[str, int]:
    """Host (lower case, without brackets) and port of an http(s) URL; port 0 where the URL names no usable one."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    return (parts.hostname or "").rstrip("."), _DEFAULT_PORTS.get(parts.scheme, 0) if port is None else port


def host_key(url: str) -> str:
    """A host for politeness: name and port, as `name:port`."""
    name, port = host_and_port(url)
    return f"{name}:{port}"


def is_loopback(hostname: str) -> bool:
    """Whether the name is this machine's own by its spelling alone; nothing is resolved."""
    return hostname in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", hostname) is not None


def families() -> frozenset[str]:
    """The families' slugs: one for each file in `crawler/spiders/`."""
    return frozenset(path.stem.replace("_", "-") for path in SPIDERS.glob("*.py") if path.stem != "__init__")


@cache
def known_families() -> frozenset[str]:
    """The slugs that a portal may name: those of `families.toml` (domain: portals.md, 1) and of every spider."""
    return frozenset(tomllib.loads(FAMILIES.read_text(encoding="utf-8"))) | families()


def without_spider(portals: Iterable[Portal]) -> dict[str, list[str]]:
    """The keys of the portals whose family no spider can crawl yet, by family."""
    there, missing = families(), dict[str, list[str]]()
    for portal in portals:
        if portal.family not in there:
            missing.setdefault(portal.family, []).append(portal.key)
    return missing


def crawlable(portals: Iterable[Portal]) -> list[Portal]:
    """`portals`, all of which have a spider; PortalError names those that have none."""
    chosen = list(portals)
    for family, keys in without_spider(chosen).items():
        raise PortalError(f"{', '.join(keys)}: the family {family} has no spider yet (docs/portals.md)")
    return chosen


def not_crawlable() -> list[NotCrawlable]:
    """The addresses of `not_crawlable.toml`, in its order."""
    tables = tomllib.loads(NOT_CRAWLABLE.read_text(encoding="utf-8"))["not_crawlable"]
    return [NotCrawlable(**table) for table in tables]


def load(files: Iterable[Path] = ()) -> dict[str, Portal]:
    """The shipped portals and those of `files`, by key. PortalError names the first fault."""
    portals: dict[str, Portal] = {}
    sources = [(path, True) for path in sorted(SHIPPED.glob("*.toml"))] + [(Path(path), False) for path in files]
    for path, shipped in sources:
        for portal in load_file(path, shipped=shipped):
            if portal.key in portals:
                first = portals[portal.key].source
                raise PortalError(f"{portal.source}: [{portal.key}] is already a portal in {first}")
            portals[portal.key] = portal
    return portals


def choose(portals: Mapping[str, Portal], keys: Iterable[str]) -> list[Portal]:
    """The portals of `keys` in their order, once each; all where `keys` is empty. PortalError for an unknown key."""
    wanted = list(dict.fromkeys(keys))
    for key in wanted:
        if key not in portals:
            near = [name for name, portal in portals.items() if key in name or name in key or key in portal.name]
            near = near or get_close_matches(key, portals, n=8) or list(portals)
            shown = ", ".join(near[:8]) or "none"
            raise PortalError(f"no portal has the key {key!r}; there are: {shown} (gongkai portals list)")
    return [portals[key] for key in wanted] if wanted else list(portals.values())


def load_file(path: Path, *, shipped: bool) -> list[Portal]:
    """The portals of one file in its order, held to the rules of shipped files or not. PortalError: the first fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PortalError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise PortalError(f"{path}, line {line}: not UTF-8") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at (?:line (\d+).*|end of document)\)$", str(error))
        line = int(place.group(1)) if place and place.group(1) else len(text.splitlines())
        what = re.sub(r" \(at .*\)$", "", str(error))
        raise PortalError(f"{path}, line {line}: not valid TOML: {what}") from error
    return [_check(path, text, key, table, shipped=shipped) for key, table in tables.items()]


def _check(path: Path, text: str, key: str, table: Any, *, shipped: bool) -> Portal:
    def fault(message: str, setting: str | None = None) -> PortalError:
        return PortalError(f"{path}, line {_line(text, key, setting)}: [{key}] {message}")

    if not isinstance(table, dict):
        raise PortalError(f"{path}, line {_line(text, None, key)}: {key} stands outside any portal's table")
    if not is_key(key):
        raise fault("is not a key: small letters, digits and single dashes")
    for name in table:
        if name not in _SETTINGS:
            raise fault(f"has an unknown setting {name}; known: {', '.join(_SETTINGS)}", name)
    for name in _REQUIRED + _KNOWN:
        if name not in table and (shipped or name in _REQUIRED):
            raise fault(f"lacks {name}")
        if not isinstance(table.get(name, NEVER), str) or not table.get(name, NEVER).strip():
            raise fault(f"{name} must be a text", name)
    if not _is_day(table.get("seen", NEVER)):
        raise fault(f'seen must be a day, YYYY-MM-DD, or "{NEVER}", not "{table["seen"]}"', "seen")
    if not isinstance(table.get("list", True), bool):
        raise fault("list must be true or false", "list")
    for name in _LISTS:
        value = table.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise fault(f"{name} must be a list of texts", name)
    if not re.fullmatch(r"[0-9]{6}", table["region"]):
        raise fault(f'region must be six digits (GB/T 2260), not "{table["region"]}"', "region")
    if table["family"] not in known_families():
        raise fault(f'family "{table["family"]}" is unknown; known: {", ".join(sorted(known_families()))}', "family")
    if not table.get("list", True) and not table.get("pages"):
        raise fault("has no list and no pages: there is nothing to fetch", "list")
    for name in ("url", "pages"):
        for url in [table["url"]] if name == "url" else table.get("pages", []):
            if urlsplit(url).scheme not in ("http", "https") or not all(host_and_port(url)):
                raise fault(f"{url} is not an http(s) address", name)
            if shipped and not host_and_port(url)[0].endswith(".gov.cn"):
                raise fault(f"{host_and_port(url)[0]} is no official host (.gov.cn)", name)
    for host in table.get("hosts", []):
        if shipped and not host.partition(":")[0].endswith(".gov.cn"):
            raise fault(f"{host} is no official host (.gov.cn)", "hosts")
    source = f"{path}, line {_line(text, key, None)}"
    return Portal(
        key=key,
        name=table["name"],
        region=table["region"],
        family=table["family"],
        url=table["url"],
        hosts=tuple(table.get("hosts", [])),
        pages=tuple(table.get("pages", [])),
        listed=table.get("list", True),
        evidence=table.get("evidence", ""),
        seen=table.get("seen", NEVER),
        source=source,
    )


def _is_day(text: str) -> bool:
    try:
        return text == NEVER or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _line(text: str, key: str | None, setting: str | None) -> int:
    """The line of a table's header, or of a setting in it; 1 where TOML's freedoms hide it."""
    inside = key is None
    header = 0
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith("["):
            inside = key is not None and re.fullmatch(rf'\[\s*"?{re.escape(key)}"?\s*\](\s*#.*)?', bare) is not None
            if inside:
                header = number
                if setting is None:
                    return number
        elif inside and setting is not None and re.match(rf'"?{re.escape(setting)}"?\s*=', bare):
            return number
    return header or 1
