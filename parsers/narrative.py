"""The report's prose: sections under their headings, and the figures that sentences state (claims).

Headings are found at block level, never inside running text. Names and phone numbers of officials do not enter a
section: contact lines are left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from parsers.forms import ClaimPattern, Form
from parsers.labels import core, normalise, to_simplified
from parsers.model import Claim, Document, Number, Paragraph, Section
from parsers.values import exact
from parsers.wording import pattern

_HEADING = re.compile(r"^[一二三四五六七八九十]{1,3}、")
_SENTENCE = re.compile(r"[^。;;!?！？\n]+[。;;!?！？\n]?")
#: a sentence that may state a figure: one with a digit, or one that says that there was none
_STATES = re.compile(r"[0-9０-９未无無]|没有|沒有")
#: characters that prose in traditional script cannot do without
_TRADITIONAL = re.compile(r"[開關報資數與會條個從機構]")
_SPACES = re.compile(r"[\s\u200b]")
_HALF_WIDTH = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
_MONEY = {"万元": 10_000, "亿元": 100_000_000, "元": 1}
_LONGEST_HEADING = 60


class Prose(NamedTuple):
    """`official` counts the headings that are the forms' own; `contacts` the contact sentences left out."""

    sections: tuple[Section, ...]
    contacts: int
    official: int


@cache
def _official(forms: tuple[Form, ...]) -> frozenset[str]:
    return frozenset(core(heading) for form in forms for heading in form.sections)


def read_sections(document: Document, forms: tuple[Form, ...], used: Collection[int] = ()) -> Prose:
    """The sections of the article, in order. `used` are blocks that were read as a table and are no prose."""
    start, end = document.main
    official = _official(forms)
    sections: list[Section] = []
    heading: str | None = None
    lines: list[str] = []
    contacts = known = 0

    def close() -> None:
        nonlocal heading
        if heading is not None:
            sections.append(Section(len(sections) + 1, heading, "\n".join(lines)))
        lines.clear()
        heading = None

    for n in range(start, min(end, len(document.blocks))):
        block = document.blocks[n]
        if not isinstance(block, Paragraph) or (block.link and not _HEADING.match(block.text)):
            continue
        if block.row in used and core(block.text) not in official:
            continue
        flat = normalise(block.text)
        if heading is not None and pattern("prose", "furniture").match(flat):
            break
        if pattern("prose", "signature").match(flat):
            contacts += 1
            continue
        split = _heading(block, flat, official)
        if split is not None:
            close()
            heading, rest = split
            known += core(heading) in official
            if rest:
                kept, dropped = _without_contacts(rest)
                contacts += dropped
                lines.append(kept)
            continue
        kept, dropped = _without_contacts(block.text)
        contacts += dropped
        if heading is not None and kept:
            lines.append(kept)
    close()
    if sections:
        sections[-1] = sections[-1]._replace(text=_without_signature(sections[-1].text))
    return Prose(tuple(sections), contacts, known)


def _heading(block: Paragraph, flat: str, official: frozenset[str]) -> tuple[str, str] | None:
    """(heading, text after it) where a block is a section's heading or begins with one of the form's."""
    text = block.text
    if core(text) in official and len(flat) <= _LONGEST_HEADING:
        return text.strip(), ""
    if not _HEADING.match(flat):
        return None
    if len(flat) <= _LONGEST_HEADING and not flat.endswith((".", ";")) and not re.search(r"[.;]", flat.rstrip(".")):
        return text.strip(), ""
    first = re.split(r"[\s。.:：]", text.strip(), maxsplit=1)
    if core(first[0]) in official and len(first) == 2:
        return first[0], first[1].strip()
    for known in official:
        found = re.match(rf"^([一二三四五六七八九十]+、\s*{re.escape(known)})[。.:：\s]*", text)
        if found:
            return found.group(1), text[found.end() :].strip()
    return None


def _without_contacts(text: str) -> tuple[str, int]:
    """The text without sentences that hold a phone number, an e-mail or a postal address, and their number."""
    if not pattern("prose", "contact").search(text):
        return text, 0
    kept = []
    dropped = 0
    for sentence in _SENTENCE.findall(text):
        if pattern("prose", "contact").search(sentence) and re.search(r"[0-9０-９@]{3,}|联系人", sentence):
            dropped += 1
        else:
            kept.append(sentence)
    return "".join(kept).strip(), dropped


def _without_signature(text: str) -> str:
    """The last section without the closing lines: the body's name and the date."""
    lines = text.split("\n")
    while lines and (
        len(lines[-1]) <= 40
        and re.fullmatch(r"[^,。;:，；：]*|.*\d{4}\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日", lines[-1].strip())
    ):
        if len(lines) == 1:
            break
        lines.pop()
    return "\n".join(lines)


def closing_lines(document: Document) -> list[str]:
    """Short lines after the prose that may be the signing body, last first."""
    start, end = document.main
    tail: list[str] = []
    for block in reversed(document.blocks[start : end + 12]):
        if isinstance(block, Paragraph) and not block.link and len(block.text) <= 40:
            tail.append(block.text)
        if len(tail) >= 25:
            break
    return tail


@cache
def _compiled(claims: tuple[ClaimPattern, ...]) -> tuple[tuple[ClaimPattern, re.Pattern[str]], ...]:
    return tuple((claim, re.compile(claim.pattern)) for claim in claims)


def read_claims(sections: Sequence[Section], claims: tuple[ClaimPattern, ...]) -> tuple[Claim, ...]:
    """The figures that sentences of the sections state, each with its place; patterns are the forms' data.

    A pattern is matched on one sentence without white space; `start` is the offset in the section's text as stored.
    """
    found: dict[Claim, None] = {}
    compiled = _compiled(claims)
    for section in sections:
        for sentence in _SENTENCE.finditer(section.text):
            raw = sentence.group()
            if not _STATES.search(raw):
                continue
            flat, places = _flatten(raw)
            for claim, expression in compiled:
                for hit in expression.finditer(flat):
                    if claim.value is not None:
                        start, end = places[hit.start()], places[hit.end() - 1] + 1
                        said = (claim.value, raw[start:end], section.ordinal, sentence.start() + start)
                        found[Claim(claim.name, claim.form, claim.indicator, claim.col, *said)] = None
                        continue
                    first, last = hit.span("n")
                    unit = (hit.groupdict().get("unit") or "") if claim.unit == "元" else ""
                    number = _number(hit.group("n"), unit)
                    if claim.unit == "元" and not unit:
                        continue
                    stop = last + (1 if last < len(flat) and not unit else len(unit))
                    start, end = places[first], places[min(stop, len(places)) - 1] + 1
                    offset = sentence.start() + start
                    place = (number, raw[start:end], section.ordinal, offset)
                    found[Claim(claim.name, claim.form, claim.indicator, claim.col, *place)] = None
    return tuple(sorted(found, key=lambda claim: (claim.section, claim.start)))


def _flatten(text: str) -> tuple[str, Sequence[int]]:
    """`text` in half width without white space, and for each character its place in `text`."""
    flat = text.translate(_HALF_WIDTH)
    if _TRADITIONAL.search(flat):
        simplified = to_simplified(flat)
        flat = simplified if len(simplified) == len(flat) else flat
    if not _SPACES.search(flat):
        return flat, range(len(flat))
    places = [n for n, char in enumerate(flat) if not char.isspace() and char != "\u200b"]
    return "".join(flat[n] for n in places), places


def _number(digits: str, unit: str) -> Number:
    number: Number = Decimal(digits) if "." in digits else int(digits.replace(",", ""))
    return exact(number * _MONEY.get(unit, 1))


def prose_length(sections: Iterable[Section]) -> int:
    return sum(len(section.text) for section in sections)
