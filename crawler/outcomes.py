"""What an answer is: a good page, a missing one, a challenge, a failure. Pure functions of status, headers and bytes.

The outcomes are those of docs/design.md ("Outcomes of a capture"). The traps: a challenge, a missing page and a closed
site all come with status 200; a page behind 瑞数 carries `$_ts` for ever, also when it is let through, so a script
alone proves nothing: the page must have next to no text of its own. Challenges are named, never solved. A missing page
may stand within the site's menus, so what links say is not counted; a page of pictures or attachments has no text
either, but it has its own title, and the section that some sites show in a lost page's place has not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

SHORT_TEXT = 300  # characters of visible text; the shortest real report seen has some 600
SNIFFED = 200_000  # bytes; a challenge or an error page is smaller
LISTED = 5  # dated links that make a list
TITLE = 12  # characters of a title that are sought: lists cut the rest
_DATE = re.compile(r"(?<!\d)(?:19|20)\d\d\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}日?(?!\d)")
_HOME = re.compile(r"/?|/(index|default|main)\.\w+")
_SPACE = b" \t\r\n\xef\xbb\xbf"


class Verdict(NamedTuple):
    """`outcome` is `ok` for a body that is to be kept as content, else an outcome of a capture; `note` says why."""

    outcome: str
    note: str | None = None


class Signs(NamedTuple):
    """The compiled patterns of `signs.toml`."""

    drop: re.Pattern[str]
    keep: re.Pattern[str]
    years: re.Pattern[str]
    groups: re.Pattern[str]
    column: re.Pattern[str]
    bodies: re.Pattern[str]
    headings: tuple[re.Pattern[str], ...]
    tables: re.Pattern[str]
    scripts: re.Pattern[str]
    words: re.Pattern[str]
    gone: re.Pattern[str]
    gone_paths: re.Pattern[str]
    maintenance: re.Pattern[str]


@lru_cache(maxsize=1)
def signs() -> Signs:
    """The patterns of `signs.toml`, read once."""
    with (Path(__file__).parent / "signs.toml").open("rb") as file:
        data = tomllib.load(file)

    def either(patterns: Iterable[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))

    return Signs(
        drop=either(data["titles"]["drop"]),
        keep=either(data["titles"]["keep"]),
        years=either(data["titles"]["years"]),
        groups=either(data["titles"]["groups"]),
        column=either(data["titles"]["column"]),
        bodies=either(data["titles"]["bodies"]),
        headings=tuple(re.compile(heading) for heading in data["reports"]["headings"]),
        tables=either(data["reports"]["tables"]),
        scripts=either(data["challenges"]["scripts"]),
        words=either(data["challenges"]["words"]),
        gone=either(data["gone"]["words"]),
        gone_paths=either(data["gone"]["paths"]),
        maintenance=either(data["maintenance"]["words"]),
    )


def is_report_title(title: str) -> bool:
    """Whether a line of an annual-report list names an annual report of a body (issue 4: guides and website returns do
    not), judged on the title without white space."""
    bare = re.sub(r"\s+", "", title).replace("...", "…")
    return signs().drop.search(bare) is None and signs().keep.search(bare) is not None


def says_report(title: str) -> bool:
    """Whether a title says by itself that it is an annual report's, and does not only name a body."""
    return is_report_title(title) and re.search(r"年报|报告|信息公开", title) is not None


class Text(NamedTuple):
    """What a page shows, without white space: all of it; what stands outside links, dates aside; and how many dates."""

    whole: str
    outside: str
    dates: int


def visible_text(body: bytes) -> Text:
    """The text of a small page without script, style and tags; the charset is tried, not trusted."""
    try:
        text = body[:SNIFFED].decode("utf-8")
    except UnicodeDecodeError:
        text = body[:SNIFFED].decode("gb18030", errors="replace")
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|\Z)|<!--.*?-->", " ", text)
    outside, dates = _DATE.subn(" ", re.sub(r"<[^>]*>", " ", re.sub(r"(?is)<(a|option)\b[^>]*>.*?</\1\s*>", " ", text)))
    return Text(_bare(text), _bare(outside), dates)


def _bare(html: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"<[^>]*>", " ", html))


def judge(
    status: int,
    body: bytes,
    *,
    final_url: str,
    headers: Iterable[tuple[str, str]] = (),
    flags: Iterable[str] = (),
    article: bool = False,
    listed: str | None = None,
    title: str | None = None,
) -> Verdict:
    """The outcome of one answer, after its retries. `ok` is a 2xx body with content; `unchanged` is a 304.

    `article` says that a page of a list was asked for, at `listed`, under `title` where the list gives one: then a
    section or the home page in its place is a failure.
    """
    if "dataloss" in flags:
        return Verdict("failed", f"{len(body)} bytes came, fewer than the answer's Content-Length")
    text = visible_text(body) if len(body) <= SNIFFED and body.lstrip(_SPACE)[:1] == b"<" else None
    challenge = _challenge(status, body, text, headers)
    if challenge is not None:
        return Verdict("blocked", challenge)
    if status == 304:
        return Verdict("unchanged", "304")
    if status in (404, 410):
        return Verdict("gone", str(status))
    if 300 <= status < 400:
        return _unfollowed(status, headers)
    if not 200 <= status < 300:
        return Verdict("failed", f"status {status}")
    if not body.strip():
        return Verdict("failed", "an empty answer")
    verdict = _soft(text, final_url)
    if verdict.outcome == "ok" and article:
        return _another_page(body, text, final_url, listed, title) or verdict
    return verdict


def _challenge(status: int, body: bytes, text: Text | None, headers: Iterable[tuple[str, str]]) -> str | None:
    head = body[:SNIFFED].decode("latin-1")
    cookies = " ".join(value for name, value in headers if name.lower() == "set-cookie")
    script = signs().scripts.search(head) or signs().scripts.search(cookies)
    if status in (401, 403, 412, 429, 512, 521):
        return f"status {status}, {script.group()}" if script else f"status {status}"
    if status >= 400 or len(body) > SNIFFED:
        return None
    short = (text or visible_text(body)).whole
    if len(short) > SHORT_TEXT:
        return None
    if script is not None and "<script" in head.lower():
        return f"status {status}, {script.group()}"
    word = signs().words.search(short)
    return f"status {status}, {word.group()}" if word else None


def _unfollowed(status: int, headers: Iterable[tuple[str, str]]) -> Verdict:
    location = next((value for name, value in headers if name.lower() == "location"), None)
    if location is None:
        return Verdict("failed", f"status {status} without a Location")
    scheme = urlsplit(location).scheme.lower()
    if scheme not in ("", "http", "https"):
        return Verdict("refused", f"a redirect to {scheme}:")
    return Verdict("failed", f"status {status}, not followed")


def _soft(text: Text | None, final_url: str) -> Verdict:
    if signs().gone_paths.search(urlsplit(final_url).path):
        return Verdict("gone", f"status 200 at {urlsplit(final_url).path}")
    if text is not None and len(text.outside) <= SHORT_TEXT:
        if word := signs().gone.search(text.outside):
            return Verdict("gone", f"status 200, {word.group()}")
        if word := signs().maintenance.search(text.outside):
            return Verdict("failed", f"status 200, {word.group()}")
    return Verdict("ok")


def _another_page(
    body: bytes, text: Text | None, final_url: str, listed: str | None, title: str | None
) -> Verdict | None:
    """A section's list of dated links, or the home page, where a page of its own was asked for."""
    path = urlsplit(final_url).path
    if listed is not None and _HOME.fullmatch(path) and not _HOME.fullmatch(urlsplit(listed).path):
        return Verdict("failed", "status 200, the home page in place of the page")
    if text is None or text.dates < LISTED or len(text.outside) > SHORT_TEXT:
        return None
    if body.lower().count(b"<a ") < LISTED:
        return None
    if title is not None:
        own = re.sub(r"\s+", "", title).rstrip("….")[:TITLE]
        if own in text.outside:
            return None
    elif re.search(r"(19|20)\d\d年", text.outside):
        return None  # no list says what the page should be called, but it is about a year
    return Verdict("failed", "status 200, a section's list in place of the page")
