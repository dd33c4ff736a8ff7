"""A saved page made inert: two guards, one after the other, of which each must hold without the other."""

from __future__ import annotations

import re

import pytest

from archive import original

PIXEL = "data:image/png;base64,AAAA"
LINKS = (
    "http://x.example/", "//x.example/", "/a.html", "javascript:alert(1)", "data:text/html,x", " data:text/html,x",
    "vbscript:x", "blob:x", "mailto:x@x.example",
)  # fmt: skip
SOURCES = (
    "http://x.example/1.png", "1.png", "data:text/html,x", "data:image/svg+xml;base64,AAAA", f"{PIXEL}' onerror='x",
    "javascript:1", "#x",
)  # fmt: skip


@pytest.mark.parametrize("href", LINKS)
def test_a_link_is_a_word(href: str) -> None:
    shown = original.inert_html(f'<p>1</p><a href="{href}">x</a><a href="#f">y</a>'.encode(), "http://a.gov.cn/b/")
    assert re.findall(r"\shref=\"[^\"]*\"", shown.body) == [' href="#f"'] and "data-href=" in shown.body
    assert original._attribute("a", "href", href) is None
    assert original._attribute("a", "href", "#f") == "#f"


@pytest.mark.parametrize("source", SOURCES)
def test_a_picture_is_shown_where_the_page_holds_it_and_nowhere_else(source: str) -> None:
    shown = original.inert_html(f'<p>1</p><img src="{source}"><img src="{PIXEL}">'.encode(), "http://a.gov.cn/b/")
    assert re.findall(r"\ssrc=\"([^\"]*)\"", shown.body) == [PIXEL]
    assert "onerror=" not in re.sub(r'"[^"]*"', "", shown.body)
    assert original._attribute("img", "src", source) is None
    assert original._attribute("img", "src", PIXEL) == PIXEL
