"""From a figure back to its source: every figure of every page of tests/pages stands where its place says."""

from __future__ import annotations

from pathlib import Path

import pytest

import parsers
from parsers.model import Figure
from parsers.readers import place, text
from parsers.readers.cells import HTML_SPACE, cell_text, hidden_in
from parsers.readers.encoding import decode
from parsers.readers.html import read_html
from parsers.readers.tree import Tree, read_tree

PAGES = sorted(path for path in Path(__file__).with_name("pages").iterdir() if path.suffix in (".html", ".txt"))


def standing(tree: Tree, figure: Figure) -> str | None:
    """The text of what stands at a figure's place."""
    spot = place.in_tree(tree, figure.tbl, figure.row, figure.cell, figure.raw)
    if spot is None or tree.root is None:
        return None
    if spot.part == "element":
        return cell_text(spot.element, hidden_in(tree.root))
    return HTML_SPACE.sub(" ", getattr(spot.element, spot.part)).strip(" ")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_figure_stands_at_its_place(path: Path) -> None:
    body = path.read_bytes()
    report = parsers.parse(body)
    if report.media_type == "text/html":
        tree = read_tree(body)
        found = [standing(tree, figure) for figure in report.figures[::3]]
        assert found == [figure.raw for figure in report.figures[::3]]
    elif report.media_type == "text/plain":
        said, blocks = decode(body, is_html=False)[0].replace("\r\n", "\n"), text.read_text(body).blocks
        for figure in report.figures:
            spot = place.in_text(said, blocks, figure.tbl, figure.row, figure.cell)
            assert spot is not None and spot[1] > spot[0]
            assert "\n".join(line.strip() for line in said[slice(*spot)].strip("| ").split("\n")) == figure.raw


def test_blank_cells_of_stored_text_are_told_apart() -> None:
    said = "| 标签 | a | b | c |\n|---|---|---|---|\n| 甲 |  | 5 | |\n| 乙 | 5 |  | 7 |\n"
    blocks = text.read_text(said.encode()).blocks

    def at(row: int, cell: int) -> int:
        spot = place.in_text(said, blocks, 1, row, cell)
        assert spot is not None
        return said[: spot[0]].split("\n")[-1].count("|")

    assert [at(2, cell) for cell in (1, 2, 3)] == [1, 2, 3]
    assert [at(3, cell) for cell in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert place.in_text(said, blocks, 1, 9, 1) is None and place.in_text(said, blocks, 2, 1, 1) is None


@pytest.mark.parametrize("tag", ["embed src=x.swf", "svg", "math", "canvas", "audio", "video", "object", "select"])
def test_a_page_that_fell_into_an_unclosed_element_is_read_all_the_same(tag: str) -> None:
    page = f"<p>一</p><{tag}><table><tr><td>甲</td><td>1</td></tr><tr><td>乙</td><td>2</td></tr></table>".encode()
    assert [type(block).__name__ for block in read_html(page).blocks] == ["Paragraph", "Grid"]
    spot = place.in_tree(read_tree(page), 1, 2, 2, "2")
    assert spot is not None and spot.element.text == "2"


@pytest.mark.parametrize("at", [(9, 1, 1), (1, 9, 1), (1, 1, 9), (0, 1, 1), (None, 99, 1)])
def test_a_place_that_the_page_lacks_is_none(at: tuple[int | None, int, int]) -> None:
    tree = read_tree("<table><tr><td>甲</td><td>1</td></tr></table>".encode())
    assert place.in_tree(tree, *at, "1") is None
    assert place.in_tree(read_tree(b""), *at, "1") is None


def test_rows_outside_any_table_are_found_by_their_text() -> None:
    tree = read_tree("<div><tr><td>甲</td><td>1</td></tr><tr><td>乙</td><td>2</td></tr></div>".encode())
    spot = place.in_tree(tree, None, 2, 2, "2")
    assert spot is not None and spot.part == "element" and spot.element.text == "2"


def test_equal_lines_of_a_flattened_table_are_told_apart() -> None:
    tree = read_tree("<p>甲<br>0<br>乙<br>0<br>丙<br><span>1</span>2</p>".encode())
    first, second = place.in_tree(tree, None, 2, 1, "0"), place.in_tree(tree, None, 4, 1, "0")
    assert first is not None and second is not None and first.part == second.part == "tail"
    assert first.element is not second.element
    spread = place.in_tree(tree, None, 6, 1, "12")
    assert spread is not None and spread.element.tag == "p"
