"""What number cells say, token by token; and which characters the bytes mean."""

from __future__ import annotations

from decimal import Decimal

import pytest

from parsers import parse
from parsers.model import Grid
from parsers.readers.encoding import decode
from parsers.readers.html import read_html
from parsers.values import exact, in_units, in_yuan, read_value

#: (raw, state, number as printed, unit in the cell); the first were met on real pages or announced by others
TOKENS = [
    ("", "blank", None, None),
    ("\u00a0", "blank", None, None),
    (" \u3000 ", "blank", None, None),
    ("0", "number", 0, None),
    ("——", "dash", None, None),
    ("----", "dash", None, None),
    ("-", "dash", None, None),
    ("—", "dash", None, None),
    ("_", "dash", None, None),
    ("/", "dash", None, None),
    ("－", "dash", None, None),
    ("无", "text", None, None),
    ("不适用", "text", None, None),
    ("+3", "number", 3, None),
    ("+173", "number", 173, None),
    ("-2", "number", -2, None),
    ("−2", "number", -2, None),
    ("－2", "number", -2, None),
    ("--253", "number", -253, None),
    ("增98", "number", 98, None),
    ("减1942", "number", -1942, None),
    ("減1942", "number", -1942, None),
    ("0/0", "number", 0, None),
    ("3/1", "text", None, None),
    ("251000元", "number", 251000, "元"),
    ("103.3879万元", "number", Decimal("103.3879"), "万元"),
    ("113.96萬元", "number", Decimal("113.96"), "万元"),
    ("1.2亿元", "number", Decimal("1.2"), "亿元"),
    ("1,234", "number", 1234, None),
    ("1，234", "number", 1234, None),
    ("1,23", "text", None, None),
    ("１２３", "number", 123, None),
    ("1 234", "number", 1234, None),
    ("1\u00a02\u00a03", "number", 123, None),
    ("12件", "number", 12, "件"),
    ("12\n件", "number", 12, "件"),
    ("1\n2", "text", None, None),
    ("5①", "text", None, None),
    ("5²", "text", None, None),
    ("4[1]", "text", None, None),
    ("1.2.3", "text", None, None),
    ("5%", "text", None, None),
    ("约5", "text", None, None),
    ("1e3", "text", None, None),
    ("٣", "text", None, None),
    ("9" * 5000, "text", None, None),
]


@pytest.mark.parametrize(("raw", "state", "number", "unit"), TOKENS)
def test_a_token_is_read_in_full_or_not_at_all(raw: str, state: str, number: object, unit: str | None) -> None:
    value = read_value(raw)
    assert (value.state, value.number, value.unit) == (state, number, unit)


@pytest.mark.parametrize(
    ("raw", "header", "printed", "amount"),
    [
        ("251000元", "万元", "万元", 251000),
        ("103.3879万元", None, None, 1033879),
        ("1.2亿元", None, None, 120_000_000),
        ("477.35", "万元", None, 4_773_500),
        ("282.1", None, "万元", 2_821_000),
        ("113.96", "元", "万元", Decimal("113.96")),
        ("8040", None, None, None),
        ("0", None, None, 0),
    ],
)
def test_money_takes_the_nearest_unit_and_none_where_none_is_said(
    raw: str, header: str | None, printed: str | None, amount: object
) -> None:
    number, known = in_yuan(read_value(raw), header_unit=header, printed_unit=printed)
    assert number == amount
    assert known is (amount is not None)


def test_counts_take_no_money() -> None:
    assert in_units(read_value("1.2万")) == (12000, True)
    assert in_units(read_value("12件")) == (12, True)
    assert in_units(read_value("251000元")) == (None, False)
    assert exact(Decimal("3.50")) == Decimal("3.5")
    assert isinstance(exact(Decimal("3.0")), int)


TEXT = "政府信息公开工作年度报告"


@pytest.mark.parametrize(
    ("body", "charset", "damaged"),
    [
        (b"\xef\xbb\xbf" + TEXT.encode(), "utf-8", 0),
        (b"\xff\xfe" + TEXT.encode("utf-16le"), "utf-16le", 0),
        (TEXT.encode(), "utf-8", 0),
        (TEXT.encode("gbk"), "gb18030", 0),
        (b'<meta charset="utf-8">' + TEXT.encode("gbk"), "gb18030", 0),
        (b'<meta charset="gb2312">' + (TEXT + "镕").encode("gb18030"), "gb18030", 0),
        (f"<p>{TEXT}".encode("utf-16le"), "utf-16le", 0),
        (f"\n<p>{TEXT}".encode("utf-16be"), "utf-16be", 0),
        (b'<meta charset="iso-8859-1">' + TEXT.encode("gbk"), "gb18030", 0),
        (TEXT.encode()[:-1], "utf-8", 1),
        (TEXT.encode() + b"\xff" + TEXT.encode(), "utf-8", 1),
    ],
)
def test_the_bytes_decide_the_characters(body: bytes, charset: str, damaged: int) -> None:
    text, winner, places = decode(body)
    assert (winner, places) == (charset, damaged)
    assert TEXT[:-1] in text


def test_latin_that_a_server_says_unasked_is_not_believed() -> None:
    assert decode(TEXT.encode("gbk"), header_charset="ISO-8859-1")[:2] == (TEXT, "gb18030")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16le", "utf-16be"])
def test_a_page_in_two_bytes_a_character_is_html(codec: str) -> None:
    page = f"<html><h1>衢州市衢江区民政局2022年{TEXT}</h1><p>一、总体情况</p><p>{TEXT * 20}</p>"
    assert parse(page.encode(codec)).kind == "report"
    assert parse(page.encode(codec), media_type="text/html; charset=utf-8").title == f"衢州市衢江区民政局2022年{TEXT}"


def test_a_header_is_asked_before_the_last_resort() -> None:
    assert decode("繁體".encode("big5"), header_charset="big5")[:2] == ("繁體", "big5")


@pytest.mark.parametrize("name", ["utf\0\0", "undefined", "rot13", "idna", "x" * 300, ""])
def test_a_nonsense_declaration_is_not_followed(name: str) -> None:
    body = f'<meta charset="{name}">'.encode() + TEXT.encode("gbk")
    assert decode(body)[1] == "gb18030"
    assert decode(TEXT.encode("gbk"), header_charset=name)[1] == "gb18030"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<input type="text" value="15">', "15"),
        ("<input value=3>", "3"),
        ("<textarea>7</textarea>", "7"),
        ('<span><input size="3" value="12"></span>件', "12件"),
        ('<input type="hidden" value="9">', ""),
        ('<input type="hidden" value="9">4', "4"),
        ('<input type="checkbox" value="9">', ""),
    ],
)
def test_what_a_field_in_a_cell_shows_is_its_text(cell: str, text: str) -> None:
    document = read_html(f'<meta charset="utf-8"><table><tr><td>甲</td><td>{cell}</td></tr></table>'.encode())
    (grid,) = [block for block in document.blocks if isinstance(block, Grid)]
    assert grid.rows[0][1] is not None and grid.rows[0][1].text == text
