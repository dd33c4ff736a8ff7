"""The CSS of saved pages, without what could fetch, move over the desk's own lines, or end its element.

Parsed by tinycss2, never by patterns: `u\\72l(…)` is a URL too. A declaration that holds a URL, a function that can
load one, or an unknown escape into script of old browsers is dropped whole; so is every at-rule but `@media` and
`@supports`. What comes out has no `<`, so that it cannot close the `<style>` it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import tinycss2

LONGEST = 400_000  # characters of CSS that are read; no page of the archive's kind has a tenth of it
_LOADING = frozenset(("url", "src", "image", "image-set", "-webkit-image-set", "expression", "attr", "cross-fade"))
_PROPERTIES = frozenset(("behavior", "-moz-binding", "-ms-behavior", "src"))
_NESTED = frozenset(("media", "supports"))


def _fetches(tokens: Iterable[Any]) -> bool:
    for token in tokens:
        if token.type in ("url", "bad-url", "error"):
            return True
        if token.type == "function" and (token.lower_name in _LOADING or _fetches(token.arguments)):
            return True
        if token.type in ("() block", "[] block", "{} block") and _fetches(token.content):
            return True
    return False


def _kept(declaration: Any) -> bool:
    if declaration.type != "declaration" or declaration.lower_name in _PROPERTIES or _fetches(declaration.value):
        return False
    words = {token.lower_value for token in declaration.value if token.type == "ident"}
    return declaration.lower_name != "position" or not words & {"fixed", "sticky"}


def _declared(nodes: Iterable[Any]) -> str:
    return " ".join(f"{node.serialize()};" for node in nodes if _kept(node))


def _without_tag(css: str) -> str:
    return css.replace("<", "\\3c ")


@lru_cache(maxsize=4096)
def inert_declarations(css: str) -> str:
    """A `style` attribute without the declarations that could fetch or cover."""
    nodes = tinycss2.parse_blocks_contents(css[:LONGEST], skip_comments=True, skip_whitespace=True)
    return _without_tag(_declared(nodes))


def inert_sheet(css: str) -> str:
    """The text of a `<style>` element without its imports, fonts and fetches; rules keep their order."""
    return _without_tag(_rules(tinycss2.parse_stylesheet(css[:LONGEST], skip_comments=True, skip_whitespace=True)))


def _rules(nodes: Iterable[Any], depth: int = 0) -> str:
    kept = []
    for node in nodes:
        if node.type == "qualified-rule":
            if _fetches(node.prelude):
                continue
            contents = tinycss2.parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True)
            kept.append(f"{tinycss2.serialize(node.prelude)}{{{_declared(contents)}}}")
        elif node.type == "at-rule" and node.lower_at_keyword in _NESTED and node.content is not None:
            if depth > 3 or _fetches(node.prelude):
                continue
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            prelude = tinycss2.serialize(node.prelude)
            kept.append(f"@{node.lower_at_keyword}{prelude}{{{_rules(inner, depth + 1)}}}")
    return "\n".join(kept)
