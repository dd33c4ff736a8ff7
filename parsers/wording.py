"""Words that pages use around the tables, loaded from `data/page.toml`; and dates and years as they print them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("data")
_DATE = re.compile(r"((?:19|20)\d\d)\s*[年\-/.]\s*(\d{1,2})(?:\s*[月\-/.]\s*(\d{1,2})(?!\d))?")
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)([01]\d)([0-3]\d)(?!\d)")
_HALF_WIDTH = {c: c - 0xFEE0 for c in range(0xFF01, 0xFF5F)}
_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CHINESE_YEAR = re.compile(r"[二][〇○零oO0][〇○零一二三四五六七八九]{2}(?=年)")
_YEAR_TITLE = re.compile(r"(?<!\d)(20\d\d)\s*(?:年度|年|\s*度)")
_CHINESE_DAY = re.compile(r"([一二三四五六七八九十]{1,2})月([一二三四五六七八九十]{1,3})日")
_PERIOD = re.compile(
    r"(20\d\d)(?:年?\s*0?1月\s*0?1日|[./]0?1[./]0?1).{0,8}?(?:至|到|-|—|~)\s*"
    r"(?:(20\d\d)[年./])?.{0,8}?12(?:月\s*31日|[./]31)"
)


@cache
def words() -> dict[str, Any]:
    """The tables of `data/page.toml`."""
    return tomllib.loads((DATA / "page.toml").read_text(encoding="utf-8"))


@cache
def pattern(table: str, name: str) -> re.Pattern[str]:
    """A regular expression of `data/page.toml`."""
    return re.compile(words()[table][name])


def date_of(text: str) -> str | None:
    """The first date in `text` as `YYYY-MM-DD`, `YYYY-MM` where no day is printed; None where it is no date."""
    text = _CHINESE_DAY.sub(_arabic_day, arabic_year(text.translate(_HALF_WIDTH)))
    found = _DATE.search(text) or _COMPACT.search(text)
    if not found:
        return None
    year, month, day = found.groups()
    if not 1 <= int(month) <= 12:
        return None
    if day is None:
        return f"{year}-{int(month):02d}"
    return f"{year}-{int(month):02d}-{int(day):02d}" if 1 <= int(day) <= 31 else None


def _arabic_day(found: re.Match[str]) -> str:
    """一月十八日 as 1月18日."""
    return "".join(f"{_below_hundred(found[k])}{unit}" for k, unit in ((1, "月"), (2, "日")))


def _below_hundred(text: str) -> int:
    tens, ten, ones = text.translate(_DIGITS).rpartition("十")
    return (int(tens or 1) * 10 if ten else 0) + int(ones or 0)


def arabic_year(text: str) -> str:
    """二〇二〇年 as 2020年."""
    return _CHINESE_YEAR.sub(lambda found: found.group().translate(_DIGITS), text)


def year_of_title(text: str) -> int | None:
    """The report year that a title names: the year before 年度 if any, else the only year in it."""
    years = [int(found.group(1)) for found in _YEAR_TITLE.finditer(arabic_year(text))]
    marked = [int(found.group(1)) for found in re.finditer(r"(?<!\d)(20\d\d)\s*年度", arabic_year(text))]
    chosen = set(marked or years)
    if not chosen:
        chosen = {int(y) for y in re.findall(r"(?<!\d)(20[0-4]\d)(?!\d)", text)}
    return chosen.pop() if len(chosen) == 1 else None


def year_of_period(text: str) -> int | None:
    """The year of a sentence on the period covered, 1 January to 31 December; None where the two years differ."""
    found = _PERIOD.search(text)
    if not found:
        return None
    first, second = found.groups()
    return int(first) if second in (None, first) else None
