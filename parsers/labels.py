"""Labels of the form, made comparable. Knows how portals respell them; knows no form.

Traps: brackets, colons and digits come in two widths; blanks and line breaks stand inside labels; provinces print
guidance in brackets inside a label cell; copies come in traditional characters.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc
from rapidfuzz.distance import Levenshtein

_TO_SIMPLIFIED = opencc.OpenCC("t2s")
_SPACE = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]+")
_FOLD = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "‘": '"',
        "’": '"',
        "「": '"',
        "」": '"',
        "'": '"',
        "帐": "账",
        "．": ".",
        "。": ".",
        "、": "、",
    }
)
_BRACKETS = str.maketrans("〔〕【】[]", "()()()")
_DASHES = re.compile("[\u2010-\u2015\u2500\u2501\u30fc-]+")
_ENUMERATOR = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}[、.,:]|\([一二三四五六七八九十]{1,3}\)[、.:,]?|\d{1,2}[.、](?!\d)|\(\d{1,2}\)[、.]?|\d{1,2}\)"
    r"|[IVX]{1,4}[、.]|[a-h][.)、])"
)
#: bullets, circled numbers (NFKC makes plain digits of them) and footnote marks around a label
_MARKS = re.compile(r"^[\s·•●○■◆▪※★-]*(?:[①-⑳]\s*[.、]?)?|(?:[①-⑳*]|\[\d{1,2}\])+\s*$")
#: what pages leave out of a label, or put into it
_INSIDE = re.compile(r"[\"、,/·]")
_YEAR = re.compile(r"(本|上|下)一?年度?")
#: an enumerator whose dot is lost, and a unit without its brackets
_LOST_DOT = re.compile(r"^\(?(?:\d{1,2}|[一二三四五六七八九十]{1,2})[:·)]?")
_SAFE_NUMBER = re.compile(r"\d[:·)]?|\(.+|.+\)")
#: what begins an explanation behind a label
_GUIDANCE = re.compile(r"\s+(?=注[:：]|是?指|不?包括|不?含|即[指:：]|请?填)")
_UNIT_AT_END = re.compile(r"(?:\(?单位:?)?(?:亿元|万元|千元|元)$")
_LEAST = 4
_OF_WHICH = re.compile(r"^其中[:,、]?")
_BRACKET = re.compile(r"\([^()]*\)")
_TAIL = ":;,.、"
#: an edit that touches one of these characters changes what is counted, so it is no misspelling
_WEIGHTY = frozenset(
    "不非未无上下本去今前后增减新旧除其他它总主兼专全部同收发内外月季年第一二三四五六七八九十0123456789"
)


def to_simplified(text: str) -> str:
    """`text` in simplified characters, by OpenCC's t2s."""
    return str(_TO_SIMPLIFIED.convert(text))


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    """`text` after NFKC, without white space, in simplified characters, with one form of quotes and dashes."""
    text = unicodedata.normalize("NFKC", text)
    text = _SPACE.sub("", text)
    if not text.isascii():
        text = to_simplified(text).translate(_FOLD).replace("其它", "其他")
        text = _DASHES.sub("-", text)
    return text


@lru_cache(maxsize=8192)
def core(text: str) -> str:
    """The match key of a label: no number, no 其中, no trailing explanatory bracket, no closing colon, no quotes and
    commas, one word for this year, last year and next."""
    key = normalise(_MARKS.sub("", text))
    while True:
        shorter = _OF_WHICH.sub("", _ENUMERATOR.sub("", key))
        if shorter == key:
            break
        key = shorter
    key = key.rstrip(_TAIL)
    key = key.translate(_BRACKETS)
    while key.endswith(")") and (bare := _drop_last_bracket(key)):
        key = bare.rstrip(_TAIL)
    key = _INSIDE.sub("", key)
    return _YEAR.sub(r"\1年", key) if "年" in key else key


@lru_cache(maxsize=4096)
def shorter_keys(text: str) -> tuple[str, ...]:
    """Further keys of a label that carries guidance: all brackets dropped, then what stands before the first one."""
    key = core(text)
    bare = key
    while (next_bare := _BRACKET.sub("", bare)) != bare:
        bare = next_bare
    before = re.split(r"[(:,;]", key, maxsplit=1)[0]
    keys = [bare, before]
    if "\n" in text.strip() and len(first := core(text.strip().split("\n", 1)[0])) >= _LEAST:
        keys.append(first)  # guidance stands on lines of its own
    if explained := _GUIDANCE.search(text.strip()):
        keys.append(core(text.strip()[: explained.start()]))
    for found in (_LOST_DOT.match(key), _UNIT_AT_END.search(key)):
        if found:
            rest = key[: found.start()] + key[found.end() :]
            if len(rest) >= (2 if _SAFE_NUMBER.fullmatch(found.group()) else _LEAST):
                keys.append(rest)
    if key.endswith("的"):
        keys.append(key[:-1])
    return tuple(dict.fromkeys(k.rstrip(_TAIL) for k in keys if k and k != key))


def _drop_last_bracket(key: str) -> str:
    depth = 0
    for i in range(len(key) - 1, -1, -1):
        if key[i] == ")":
            depth += 1
        elif key[i] == "(":
            depth -= 1
            if depth == 0:
                return key[:i]
    return ""


def distance(left: str, right: str) -> int | None:
    """Edits between two cores where they can pass as one label misspelt, else None.

    At most one edit in eight characters (one in any label of five or more), none on a character that carries meaning.
    """
    allowed = max(1, len(right) // 8)
    if min(len(left), len(right)) < 5 or abs(len(left) - len(right)) > allowed:
        return None
    edits = Levenshtein.distance(left, right, score_cutoff=allowed)
    if edits > allowed:
        return None
    for op in Levenshtein.editops(left, right):
        touched = (left[op.src_pos] if op.tag != "insert" else "") + (right[op.dest_pos] if op.tag != "delete" else "")
        if not _WEIGHTY.isdisjoint(touched):
            return None
    return edits
