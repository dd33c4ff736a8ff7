"""Write portals into TOML files: a new table in its place, the day a portal was last seen to work.

A shipped file keeps the order of region and key; in a file of one's own a new table comes last. A file is replaced in
one step, after what it would become has been loaded and found good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from crawler.portals import PROVINCES, SHIPPED, Portal, PortalError, host_and_port, load_file
from parsers import regions

_HEADER = re.compile(r'^\[\s*"?([a-z0-9-]+)"?\s*\]')


def table(portal: Portal) -> str:
    """A portal as its TOML table, without what has its default."""

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    settings = {name: text(getattr(portal, name)) for name in ("name", "region", "family", "url")}
    if not portal.listed:
        settings["list"] = "false"
    for name in ("hosts", "pages"):
        if values := getattr(portal, name):
            settings[name] = "[" + ", ".join(map(text, values)) + "]"
    if portal.evidence:
        settings["evidence"] = text(portal.evidence)
    settings["seen"] = text(portal.seen)
    return f"[{portal.key}]\n" + "".join(f"{name:<8} = {value}\n" for name, value in settings.items())


def shipped_file(region: str) -> Path | None:
    """The file of a region's province; None where no file is for it."""
    province = PROVINCES.get(region[:2])
    return SHIPPED / f"{province}.toml" if province else None


def is_official(portal: Portal) -> bool:
    """Whether a shipped file may name the portal: its addresses are on official hosts."""
    return all(host_and_port(url)[0].endswith(".gov.cn") for url in (portal.url, *portal.pages))


def add(portal: Portal, path: Path) -> None:
    """Write the portal's table into `path`, which is made where nothing is. PortalError where the file would be bad."""
    shipped = path.parent.resolve() == SHIPPED.resolve()
    old = path.read_text(encoding="utf-8") if path.exists() else _head(portal, path, shipped=shipped)
    held = load_file(path, shipped=shipped) if path.exists() else []
    if any(portal.key == other.key for other in held):
        raise PortalError(f"{path} has a portal {portal.key} already")
    after = [other for other in held if shipped and (other.region, other.key) > (portal.region, portal.key)]
    lines = old.rstrip("\n").splitlines()
    at = _header_of(lines, after[0].key) if after else len(lines)
    new = ["", *table(portal).splitlines()] if not after else [*table(portal).splitlines(), ""]
    _replace(path, "\n".join([*lines[:at], *new, *lines[at:]]).lstrip("\n") + "\n", shipped=shipped)


def mark_seen(path: Path, keys: Iterable[str], day: str) -> list[str]:
    """Write `day` (YYYY-MM-DD) as `seen` into the tables of `keys` that stand in `path`; the keys that did."""
    wanted, marked = set(keys), []
    shipped = path.parent.resolve() == SHIPPED.resolve()
    lines = path.read_text(encoding="utf-8").splitlines()
    inside, last = None, 0
    ends: dict[str, tuple[int, bool]] = {}
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            inside = header[1]
        if inside in wanted and line.strip() and not line.startswith("#"):
            seen = re.match(r"seen\s*=", line) is not None
            before = ends.get(inside, (0, False))
            ends[inside] = before if before[1] else (number, seen)
    for key, (number, there) in sorted(ends.items(), key=lambda item: -item[1][0]):
        lines[number : number + 1] = ([] if there else [lines[number]]) + [f'seen     = "{day}"']
        marked.append(key)
        last = max(last, number)
    if marked:
        _replace(path, "\n".join(lines) + "\n", shipped=shipped)
    return sorted(marked)


def key_for(url: str, taken: Iterable[str]) -> str:
    """A key for a new portal, from its host: `jinhua-mzj` for mzj.jinhua.gov.cn; numbered where it is taken."""
    host, port = host_and_port(url)
    if host.endswith(".gov.cn"):
        labels = [label for label in host.removesuffix(".gov.cn").split(".") if label != "www"]
        base = "-".join(reversed(labels))
    else:
        base = f"{host}-{port}"
    base = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-") or "portal"
    used = set(taken)
    words = [word for word in re.findall(r"[a-z0-9]+", urlsplit(url).path.lower()) if word not in ("index", "html")]
    for key in (base, *(f"{base}-{word}" for word in reversed(words)), *(f"{base}-{n}" for n in range(2, 1000))):
        if key not in used:
            return key
    raise PortalError(f"no key is left for {url}; give one with --key")


def _head(portal: Portal, path: Path, *, shipped: bool) -> str:
    if not shipped:
        return ""
    province = regions.lookup(portal.region[:2] + "0000")
    name = province.name if province else path.stem
    about = "portals in the order of region and key. docs/portals.md says what each setting means."
    return f"# {name}, {path.name}: {about}\n"


def _header_of(lines: list[str], key: str) -> int:
    """The line on which a table begins, with the comment that stands right above it."""
    at = next(number for number, line in enumerate(lines) if (head := _HEADER.match(line)) and head[1] == key)
    while at > 0 and lines[at - 1].startswith("#") and at > 1:
        at -= 1
    return at


def _replace(path: Path, text: str, *, shipped: bool) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    try:
        load_file(beside, shipped=shipped)
        beside.replace(path)
    except PortalError as error:
        raise PortalError(str(error).replace(str(beside), str(path))) from error
    finally:
        beside.unlink(missing_ok=True)
