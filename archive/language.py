"""The desk's two languages: which one a reader wants, and the words of `words.toml` in it.

A cookie says it once the reader has chosen; before that the browser does. What is neither Chinese nor English to the
browser gets Chinese, the language of the reports. The descriptions in `metadata.yml` stand in both languages anyway.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

COOKIE = "gongkai_language"
LANGUAGES = ("zh", "en")
_WORDS = Path(__file__).with_name("words.toml")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_SAID = ("title", "description", "license", "source", "about")
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")


@cache
def words() -> dict[str, dict[str, str]]:
    """Every label of the desk by its key: `{"report.title": {"zh": …, "en": …}}`."""
    data: dict[str, dict[str, dict[str, str]]] = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    return {f"{group}.{name}": pair for group, pairs in data.items() for name, pair in pairs.items()}


class Words:
    """`say(key, name=value)` is the label in one language; an unknown key is a KeyError, so that a test finds it."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        said = words()[key][self.language]
        return said.format(**values) if values else said

    def either(self, zh: str | None, en: str | None) -> str:
        """Of a label that exists in both languages the one to show; the other where there is none."""
        return (en or zh or "") if self.language == "en" else (zh or en or "")

    def group(self, name: str) -> dict[str, str]:
        """All labels of one group, for a script."""
        return {key.partition(".")[2]: self(key) for key in words() if key.startswith(f"{name}.")}

    def header(self, label: str) -> str:
        """A group header of an official table; as printed where there is no word for it."""
        pair = words().get(f"header.{label}")
        return pair[self.language] if pair else label

    def part(self, text: str) -> str:
        """The half of a description of `metadata.yml` ("中文 · English") in this language; of more parts, its own."""
        parts = text.split(" · ")
        if len(parts) < 3:
            return parts[-1] if self.language == "en" else parts[0]
        chinese = [len(_CHINESE.findall(part)) * 3 > len(part) for part in parts]
        return " · ".join(part for part, is_zh in zip(parts, chinese, strict=True) if is_zh == (self.language == "zh"))

    def described(self, metadata: Any) -> Any:
        """What Datasette knows of a page (title, description, columns …) with the parts in this language only."""
        if not isinstance(metadata, Mapping):
            return metadata
        said: dict[str, Any] = {
            name: self.part(value) for name, value in metadata.items() if name in _SAID and isinstance(value, str)
        }
        if isinstance(columns := metadata.get("columns"), Mapping):
            said["columns"] = {name: self.part(str(text)) for name, text in columns.items()}
        return {**metadata, **said}

    def queries(self, queries: Any) -> Any:
        """The list of canned queries of a database's page, described in this language."""
        return [self.described(query) for query in queries or ()]

    def columns(self, columns: Any) -> Any:
        """The columns of a table's page, described in this language."""
        return [
            {**column, "description": self.part(column["description"])} if column.get("description") else column
            for column in columns or ()
        ]


def wanted(cookie: str | None, accept: str | None) -> str:
    """The language of a request, from its headers `Cookie` and `Accept-Language`."""
    try:
        chosen = SimpleCookie(cookie or "").get(COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None and chosen.value in LANGUAGES:
        return chosen.value
    for part in (accept or "").lower().split(","):
        language = part.split(";")[0].strip().split("-")[0]
        if language in LANGUAGES:
            return language
    return "zh"


def of_request(request: Any) -> str:
    """The language of a Datasette request; Chinese where there is none."""
    return "zh" if request is None else wanted(request.headers.get("cookie"), request.headers.get("accept-language"))


def local(path: str) -> str:
    """A path of this desk to go back to; the first page in the place of anything else."""
    return path if _LOCAL.fullmatch(path) else "/"
