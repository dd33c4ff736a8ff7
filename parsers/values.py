"""The tokens that stand in number cells. Knows every spelling of templates of real reports; repairs nothing.

A token that is not read in full is text: no digits are picked out of words. Decimals are computed decimally.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from parsers.model import Number, State

_SPACE = re.compile(r"[^\S\n]+|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]+")
_DASH = re.compile(r"^[-\u2010-\u2015\u2212\u2500\u2501\u30fc_/\uff0d\uff3f\uff0f\ufe63\u02d7~～]+$")
_NUMBER = re.compile(
    r"(?P<sign>[+]|-{1,2}|增加?|减少?|\u2191|\u2193)?(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?P<decimals>\.[0-9]+)?"
    r"(?P<unit>亿元|千万元|百万元|万元|千元|元|万|亿|人次|[条件次篇个人项份])?"
)
_UNIT_IN_BRACKETS = re.compile(r"\(([^()0-9]{1,3})\)$")
_PARTED = re.compile(r"\d\s+\d")
_ZERO_PAIR = re.compile(r"[+-]?0/[+-]?0")
#: full-width ASCII, minus signs and traditional units; not NFKC, which would read the footnote mark in 5① as a digit
_HALF_WIDTH = str.maketrans(
    dict(zip("萬億減條個項", "万亿减条个项", strict=True))
    | {chr(c): chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\u02d7", "-")
)
_MONEY = {
    "元": 1,
    "千元": 1_000,
    "百万元": 1_000_000,
    "千万元": 10_000_000,
    "万元": 10_000,
    "亿元": 100_000_000,
    "万": 10_000,
    "亿": 100_000_000,
}
_MULTIPLE = {"万": 10_000, "亿": 100_000_000}
_DOWN = ("-", "--", "减", "减少", "\u2193")


#: makes a named tuple in half the time of its own call: several hundred are made a page
_new = tuple.__new__
#: longer than any figure with its unit and the blanks around it
_LONGEST = 60


class Value(NamedTuple):
    """`number` is as printed, before any unit is applied; `unit` is the unit found in the cell itself. `joined` where
    blanks stand between its digits: it may be two numbers."""

    state: State
    number: Number | None = None
    unit: str | None = None
    joined: bool = False


@lru_cache(maxsize=8192)
def read_value(raw: str) -> Value:
    """What the text of a number cell says: number, blank, dash or text (docs/design.md, "Figures").

    +1, --253, 增98, 减1942, 251000元, 1.2亿元, full-width digits and thousand separators are numbers; so is 0/0, no
    increase and no decrease, but no other pair: what 3/1 nets is not printed. Digits on two lines of a
    cell are text: they may be two numbers.
    """
    if len(raw) > _LONGEST:
        return Value("text" if raw.strip() else "blank")
    if raw.isdigit() and raw.isascii():
        return _new(Value, ("number", int(raw), None, False))
    text = _SPACE.sub("", raw)
    if not text.strip():
        return Value("blank")
    text = text.strip("\n")
    if _DASH.match(text.replace("\n", "")):
        return Value("dash")
    if "\n" in text:
        text = _join_lines(text)
    text = _UNIT_IN_BRACKETS.sub(r"\1", text.translate(_HALF_WIDTH).lstrip("¥￥"))
    found = _NUMBER.fullmatch(text)
    if found:
        sign, digits, decimals, unit = found.group("sign", "digits", "decimals", "unit")
        number: Number = Decimal(digits.replace(",", "") + decimals) if decimals else int(digits.replace(",", ""))
        return Value("number", -number if sign in _DOWN else number, unit, _PARTED.search(raw) is not None)
    if _ZERO_PAIR.fullmatch(text):
        return Value("number", 0)
    return Value("text")


def _join_lines(text: str) -> str:
    """Lines of one cell joined where only a unit or a sign stands apart; digits on two lines stay apart."""
    lines = [line for line in text.split("\n") if line]
    if sum(any(c.isdigit() for c in line) for line in lines) > 1:
        return "\n".join(lines)
    return "".join(lines)


def in_yuan(value: Value, *, header_unit: str | None, printed_unit: str | None) -> tuple[Number | None, bool]:
    """(amount in yuan, whether a unit said so). The cell's unit wins, then the row's or header's, then the form's.

    Zero needs no unit. Where none says it the amount is unknown: (None, False).
    """
    if value.number is None:
        return None, False
    unit = value.unit or header_unit or printed_unit
    if unit not in _MONEY:
        return (0, True) if value.number == 0 else (None, False)
    return exact(value.number * _MONEY[unit]), True


def in_units(value: Value) -> tuple[Number | None, bool]:
    """(count, whether the cell's own unit can go with a count): 1.2万 is 12000, 251000元 is no count."""
    if value.number is None:
        return None, True
    if value.unit in _MULTIPLE:
        return exact(value.number * _MULTIPLE[value.unit]), True
    return (None, False) if value.unit in _MONEY else (exact(value.number), True)


def exact(number: Number) -> Number:
    """An integer where the decimal is one, else the decimal without trailing zeros."""
    if isinstance(number, int):
        return number
    return int(number) if number == number.to_integral_value() else number.normalize()


def plain(number: Number | None) -> int | float | None:
    """The number as JSON and SQLite hold it."""
    return float(number) if isinstance(number, Decimal) else number
