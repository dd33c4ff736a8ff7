"""Sets the blocks of `typeset` as bytes: tables, lines or stored text, in the encodings that portals send.

Knows how portals and Word write cells; draws nothing that changes a figure. All bodies are real names of places with
made-up figures; the people in signature rows are made up.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from typeset import Block, Cell, Expected, Layout, Page, Row, compose, quoted, split_after, stretch, unspan, width_of
from typeset import traditional as to_traditional

YEARS = {"v2014": 2016, "v2019": 2020, "v2021": 2022}
_BODY = "衢州市衢江区民政局"
_FULL_WIDTH = str.maketrans("0123456789.,+-", "０１２３４５６７８９．，＋－")
_GUIDANCE = ("（全区机关均无制定此类文件的权限）", "（含所属单位的全部数量，没有的填零）")
_ENUMERATOR = re.compile(r"^(\d{1,2})\.")


def typeset(form_id: str, layout: Layout) -> Page:
    """One report of the form in this layout, figures and typography drawn from `layout.seed`."""
    rng = random.Random(layout.seed)
    blocks, expected, labels = compose(form_id, layout, rng)
    parts = _tables(blocks, layout, rng)
    year = YEARS[form_id]
    if layout.medium == "text":
        text = _stored_text(parts, year, layout, rng)
        return Page(_encode(text, layout), "text/plain", expected, False, labels)
    setter = _flat if layout.medium == "flat" else _table
    body = _prose(year, layout) + "\n".join(
        f"<p><b>{quoted(part)}</b></p>" if isinstance(part, str) else setter(part, layout, rng) for part in parts
    )
    if layout.twice and layout.medium == "table":
        body += "<p>附件：</p>" + "\n".join(_table(part, layout, rng) for part in parts if not isinstance(part, str))
    body += f"<p>{_BODY}</p><p>{year + 1}年1月20日</p>"
    html = _page(body, year, layout)
    if "traditional" in layout.labels:
        html = to_traditional(html)
    return Page(_encode(html, layout), _media_type(layout), expected, layout.medium == "table", labels)


def _media_type(layout: Layout) -> str | None:
    return {"gb18030_undeclared": None, "bom": "text/html", "gbk_as_utf8": "text/html; charset=utf-8"}.get(
        layout.encoding, "text/html;charset=UTF-8"
    )


def _encode(text: str, layout: Layout) -> bytes:
    if layout.encoding == "bom":
        return text.encode("utf-8-sig")
    if layout.encoding == "gb18030_undeclared":
        return text.encode("gb18030")
    if layout.encoding == "gbk_as_utf8":
        return text.encode("gb18030") if layout.medium == "text" else text.encode("gbk", "xmlcharrefreplace")
    return text.encode()


# ---------------------------------------------------------------- blocks into physical tables


def _tables(blocks: Sequence[Block], layout: Layout, rng: random.Random) -> list[str | list[Row]]:
    """Section headings and physical tables in page order."""
    parts: list[str | list[Row]] = []
    if layout.grouping == "one" or (len(blocks) == 1 and layout.grouping != "cut"):
        width = max(width_of([*block.header, *block.body]) for block in blocks)
        rows: list[Row] = []
        for n, block in enumerate(blocks):
            if block.heading and (not n or blocks[n - 1].heading != block.heading):
                rows.append([Cell(block.heading, "label", width)])
            rows += _rows(block, layout, rng, width)
        return [[*_top(blocks, layout, width), *rows, *_bottom(blocks, layout, width)]]
    heading: str | None = None
    group: list[Block] = []
    groups: list[list[Block]] = []
    for block in blocks:
        if block.heading != heading or layout.grouping == "blocks":
            group = []
            groups.append(group)
        group.append(block)
        heading = block.heading
    heading = None
    cut = rng.randrange(len(groups))
    for n, group in enumerate(groups):
        if group[0].heading and group[0].heading != heading:
            heading = group[0].heading
            parts.append(heading)
        width = max(width_of([*block.header, *block.body]) for block in group)
        rows = [row for block in group[:-1] for row in _rows(block, layout, rng, width)]
        if layout.grouping == "cut" and n == cut and len(group[-1].body) > 1:
            last = group[-1]
            first, second = split_after(last.body, rng.randrange(1, len(last.body)))
            parts.append(rows + _rows(Block("", last.title, last.header, first), layout, rng, width))
            header = last.header if layout.repeat_header else []
            parts.append(_rows(Block("", "", header, second), layout, rng, width))
        else:
            parts.append(rows + _rows(group[-1], layout, rng, width))
    return parts


def _top(blocks: Sequence[Block], layout: Layout, width: int) -> list[Row]:
    if len(blocks) > 1 or not layout.titles:
        return []
    lines = (blocks[0].title, "（2016年度）", f"填报单位：{_BODY}")
    return [[Cell(text, "title", width)] for text in lines]


def _bottom(blocks: Sequence[Block], layout: Layout, width: int) -> list[Row]:
    if len(blocks) > 1 or not layout.titles:
        return []
    lines = ("单位负责人：张三丰　审核人：李寻欢　填报人：王语嫣", "联系电话：0000-1234567　填报日期：2017年1月20日")
    return [[Cell(text, "title", width)] for text in lines]


def _rows(block: Block, layout: Layout, rng: random.Random, width: int) -> list[Row]:
    title = [[Cell(block.title, "title", width)]] if layout.titles and block.title.startswith("第") else []
    whole = [*block.header, *block.body]
    if block.header and width_of(block.header) != width_of(whole):
        raise AssertionError("header and body are of different width")
    whole = stretch(whole, width)
    header, body = whole[: len(block.header)], whole[len(block.header) :]
    if not layout.header_spans:
        header = unspan(header)
    if not layout.body_spans:
        body = unspan(body)
    return [*title, *header, *[[_noisy(cell, layout, rng) for cell in row] for row in body]]


def _noisy(cell: Cell, layout: Layout, rng: random.Random) -> Cell:
    """A label respelt: brackets, colons, enumerators, guidance."""
    text = cell.text
    if cell.kind != "label" or not text:
        return cell
    if "enumerator" in layout.labels and (found := _ENUMERATOR.match(text)):
        text = rng.choice(("{}、", "（{}）", "{}．", "({})", "{}. ")).format(found.group(1)) + text[found.end() :]
    if "guidance" in layout.labels and rng.random() < 0.2:
        text += rng.choice(_GUIDANCE)
    if "half" in layout.labels:
        text = text.replace("（", "(").replace("）", ")").replace("：", ":").replace("，", ",")
    if "colon" in layout.labels:
        text = text.replace("：", rng.choice((":", "： ", "")))
    return cell._replace(text=text)


# ---------------------------------------------------------------- cells as HTML


def _table(rows: list[Row], layout: Layout, rng: random.Random) -> str:
    lines = ["<table border=1 cellspacing=0>" if layout.word else '<table border="1">', "<tbody>"]
    if layout.word == "mso_hidden":
        lines.append("<tr height=0 style='display:none'>" + "<td width=64></td>" * width_of(rows) + "</tr>")
    for row in rows:
        cells = "".join(_td(cell, layout, rng) for cell in row)
        lines.append(f"<tr style='mso-yfti-irow:1;height:14.25pt'>{cells}</tr>" if layout.word else f"<tr>{cells}</tr>")
    if layout.word == "mso_misaligned":
        cells = "<td width=64 style='border:none'></td>" * width_of(rows)
        lines.append(f"<![if !supportMisalignedColumns]><tr height=0>{cells}</tr><![endif]>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def _td(cell: Cell, layout: Layout, rng: random.Random) -> str:
    spans = "".join(f' {name}="{n}"' for name, n in (("colspan", cell.colspan), ("rowspan", cell.rowspan)) if n > 1)
    inner = _number_html(cell.text, layout, rng) if cell.kind == "value" else _label_html(cell, layout, rng)
    if layout.word:
        inner = inner if "<p" in inner else f"<p class=MsoNormal align=center style='text-align:center'>{inner}</p>"
        inner = inner.replace("</p>", "<span lang=EN-US style='mso-bidi-font-size:10.5pt'><o:p></o:p></span></p>")
        style = "border:solid windowtext 1.0pt;mso-border-alt:solid .5pt"
        return f"<td width=64{spans} valign=top style='{style}'>\n  {inner}\n  </td>"
    return f"<td{spans}>{inner}</td>"


def _number_html(text: str, layout: Layout, rng: random.Random) -> str:
    if "fullwidth" in layout.numbers and rng.random() < 0.5:
        text = text.translate(_FULL_WIDTH)
    if not text.strip():
        return quoted(text)
    if "spans" in layout.numbers and rng.random() < 0.6:
        pieces = [f"<span lang=EN-US style='font-size:10.5pt'>{quoted(c)}</span>" for c in text]
        html = ("\n" if "blanks" in layout.numbers else "").join(pieces)
    elif "blanks" in layout.numbers and text.isdigit():
        html = rng.choice((" ", "&nbsp;", "\u3000")).join(text) if rng.random() < 0.3 else f"&nbsp;{text} "
    else:
        html = quoted(text)
    return f"<p>{html}</p>" if "paragraph" in layout.numbers else html


def _label_html(cell: Cell, layout: Layout, rng: random.Random) -> str:
    text = cell.text
    if not text or cell.kind in ("unit", "blank"):
        return quoted(text) or rng.choice(("", "&nbsp;"))
    if "blanks" in layout.labels and rng.random() < 0.3:
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice((" ", "\u3000", "\u00a0", "\n ")) + text[at:]
    at = rng.randrange(1, len(text)) if len(text) > 1 else 0
    if at and "br" in layout.labels and rng.random() < 0.4:
        return quoted(text[:at]) + "<br/>" + quoted(text[at:])
    if at and "paragraphs" in layout.labels and rng.random() < 0.4:
        return f"<p>{quoted(text[:at])}</p><p>{quoted(text[at:])}</p>"
    if layout.word and at:
        return (
            f"<p><span style='font-family:宋体'>{quoted(text[:at])}</span><b><span>{quoted(text[at:])}</span></b></p>"
        )
    return quoted(text)


def _flat(rows: list[Row], layout: Layout, rng: random.Random) -> str:
    """One cell a line; empty cells vanish."""
    return "\n".join(
        f"<p>{_number_html(cell.text, layout, rng) if cell.kind == 'value' else quoted(cell.text)}</p>"
        for row in rows
        for cell in row
        if cell.text.strip()
    )


def _stored_text(parts: Sequence[str | list[Row]], year: int, layout: Layout, rng: random.Random) -> str:
    """As an extractor leaves it: a row's filled cells, then a `|` for each blank one."""
    lines = [f"{_BODY}{year}年政府信息公开工作年度报告", *_sentences(year, layout)]
    for part in parts:
        if isinstance(part, str):
            lines.append(part)
            continue
        for row in unspan(part):
            filled = [cell.text.strip() for cell in row if cell.text.strip()]
            blanks = len(row) - len(filled)
            lines.append(" | ".join(filled) + " |" + (" " + "|" * blanks if blanks else ""))
        lines.append("以上数据由本局统计，特此说明。")
    lines += [_BODY, f"{year + 1}年1月20日"]
    return "\n".join(lines)


# ---------------------------------------------------------------- the page around it


def _sentences(year: int, layout: Layout) -> list[str]:
    lines = [
        f"根据《中华人民共和国政府信息公开条例》要求，特向社会公布{year}年度{_BODY}政府信息公开年度报告。"
        f"本报告中所列数据的统计期限自{year}年1月1日起至{year}年12月31日止。",
        "一、总体情况",
        "我局认真做好政府信息公开工作，坚持以公开为常态、不公开为例外，加强组织领导，完善工作机制，取得了一定成效。",
    ]
    if "prose" in layout.decoys:
        lines += [
            f"截至{year}年底，共主动公开政府信息9163条，其中规范性文件77件，行政许可88件，行政处罚99件。",
            "全年收到政府信息公开申请4321件，予以公开17件，申请行政复议5件，提起行政诉讼6件。",
            "收到和处理政府信息公开申请情况见表三，总计见下表。",
        ]
    return lines


def _prose(year: int, layout: Layout) -> str:
    return "".join(f"<p>{quoted(line)}</p>\n" for line in _sentences(year, layout))


def _page(body: str, year: int, layout: Layout) -> str:
    title = f"{_BODY}{year}年政府信息公开工作年度报告"
    counter = "<div>浏览次数：<span id=hits>12345</span> 次　字号：大 中 小</div>" if "counter" in layout.decoys else ""
    local = ""
    if "local_table" in layout.decoys:
        rows = (("信息类别", "数量"), ("政策法规", "41"), ("工作动态", "57"), ("人事任免", "3"))
        local = "<table>" + "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in rows) + "</table>"
    article = f"<h1>{title}</h1>{counter}<div id=zoom>{local}{body}</div>"
    if layout.wrapper == "layout_table":
        years = "".join(
            f"<tr><td><a href='/{y}.html'>{y}年</a></td><td>{y - 2000}</td></tr>" for y in range(2015, 2023)
        )
        article = (
            "<table width=1000><tr><td width=200><table>"
            f"{years}</table></td><td><table width=780><tr><td>{article}</td></tr></table></td></tr></table>"
        )
    elif layout.wrapper == "menus":
        names = ("首页", "政务公开", "行政许可", "行政处罚", "规章", "政府信息公开年报")
        menu = "".join(f"<li><a href='/{n}'>{name}</a></li>" for n, name in enumerate(names))
        article = f"<ul>{menu}</ul>{article}<ul>{menu}</ul><div>版权所有 备案号00000001</div>"
    meta = {"utf-8": '<meta charset="utf-8">', "bom": "", "gb18030_undeclared": ""}.get(
        layout.encoding, '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
    )
    return f"<!DOCTYPE html>\n<html><head>{meta}<title>{title}</title></head>\n<body>{article}</body></html>\n"


__all__ = ["Expected", "Layout", "Page", "typeset"]
