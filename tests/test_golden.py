"""One file runs every golden page; the figures are held to facts that were written before the page was parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from golden import (
    PAGES,
    Page,
    Score,
    cell_differences,
    corpus_hash,
    expected_cells,
    golden,
    golden_text,
    load_floor,
    load_pages,
    page_differences,
    pin,
    read,
    score,
)

from parsers import parse
from parsers.model import Figure, Report

ALL = load_pages()
FLOOR = load_floor()
SEED = Path(__file__).resolve().parents[2] / "shared" / "seed"
FORMS = ("v2014", "v2019", "v2021")


def _page(name: str) -> Page:
    return next(page for page in ALL if page.name == name)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=page.name,
            marks=[
                pytest.mark.xfail(
                    reason="open in floor.toml; once it passes, run python -m tests.golden pin", strict=True
                )
            ]
            if page.name in FLOOR["open"]
            else [],
        )
        for page in ALL
    ],
)
def test_page(page: Page) -> None:
    report = read(page)
    wrong = [*page_differences(page, report), *cell_differences(page, report).values()]
    assert not wrong, "\n".join([f"{page.path.name}:", *wrong])
    if not page.golden.is_file():
        page.golden.write_text(golden_text(report), encoding="utf-8")
        pytest.fail(f"{page.golden.name} was not there and has been written: read it, commit it, run again")
    assert golden_text(report) == page.golden.read_text(encoding="utf-8"), (
        f"{page.golden.name}: the reading changed; if the new one is right delete the file, run, and review the new one"
    )


def test_corpus_covers_what_it_must() -> None:
    assert len(ALL) >= 60
    assert {page.facts["kind"] for page in ALL} == {"report", "blank_form", "other"}
    forms = [page.facts.get("form") for page in ALL]
    for form in FORMS:
        assert forms.count(form) >= 10, form
    assert "mixed" in forms
    bodies = {page.facts["body_name"] for page in ALL if page.facts.get("figures") == "real"}
    assert len(bodies) >= 25, sorted(bodies)


def test_floor_holds() -> None:
    assert FLOOR["corpus"] == corpus_hash(ALL), "pages or facts changed: run `python -m tests.golden pin` and commit it"
    reached = score(ALL)
    assert reached.cells >= FLOOR["cells"], reached.inexact
    assert reached.pages >= FLOOR["pages"], reached.inexact


def test_pin_only_rises(tmp_path: Path) -> None:
    floor = tmp_path / "floor.toml"
    pin(Score(10, 2, ()), "a", floor)
    with pytest.raises(ValueError, match="cells 10 -> 9"):
        pin(Score(9, 2, ("x",)), "b", floor)
    assert load_floor(floor)["corpus"] == "a"
    pin(Score(9, 3, ("x",)), "b", floor, reason="a page was wrong in its source")
    pinned = load_floor(floor)
    assert (pinned["cells"], pinned["open"]) == (9, ["x"])
    assert pinned["lowered"] == ["a page was wrong in its source"]
    pin(Score(11, 3, ()), "c", floor)
    assert load_floor(floor)["lowered"] == ["a page was wrong in its source"]


def test_harness_sees_a_wrong_value_a_wrong_place_and_a_missing_cell() -> None:
    page = _page("qujiang-2020-html")
    report = read(page)
    figure = next(f for f in report.figures if f.raw == "163")
    rest = [f for f in report.figures if f is not figure]
    key = (figure.form, figure.indicator, figure.col)

    def differences(*figures: Figure) -> dict[tuple[str, str, str], str]:
        return cell_differences(page, _with(report, [*rest, *figures]))

    assert differences(figure) == {}
    assert list(differences(figure._replace(value=164))) == [key]
    assert list(differences(figure._replace(value=None, state="blank"))) == [key]
    assert list(differences(figure._replace(row=figure.row + 1))) == [key]
    assert "not read" in differences()[key]
    other = (figure.form, figure.indicator, "total")
    assert "no such figure" in differences(figure, figure._replace(col="total"))[other]


def _with(report: Report, figures: Sequence[Figure]) -> Report:
    return replace(report, figures=tuple(figures))


def test_money_in_facts_is_exact() -> None:
    for page in ALL:
        for key, fact in expected_cells(page).items():
            assert fact.value is None or isinstance(fact.value, int | Decimal), (page.name, key)


def test_both_copies_of_the_real_report_read_alike() -> None:
    text, html = (read(_page(name)) for name in ("qujiang-2020", "qujiang-2020-html"))
    assert _figures(text) == _figures(html)
    assert len(text.figures) == 154
    assert sum(f.state == "number" for f in text.figures) == 150
    assert _metadata(text) == _metadata(html)
    assert _checks(text) == _checks(html)


@pytest.mark.skipif(not SEED.is_dir(), reason="the stored report lies outside the project and is not there")
@pytest.mark.parametrize("copy", ["qujiang-2020", "qujiang-2020-html"])
def test_copy_reads_like_the_stored_report(copy: str) -> None:
    seed = parse(next(SEED.glob("*.txt")).read_bytes(), media_type="text/plain")
    report = read(_page(copy))
    assert _figures(seed) == _figures(report)
    assert _metadata(seed) == _metadata(report)
    assert _checks(seed) == _checks(report)
    if copy == "qujiang-2020":
        assert _places(seed) == _places(report)
        assert _numbers_claimed(seed) == _numbers_claimed(report)


def _numbers_claimed(report: Report) -> list[tuple[object, ...]]:
    """The copy's prose is our own around the figures, so that only claims with a figure in them are the same."""
    return [(c.name, c.value, c.raw) for c in report.claims if any(char.isdigit() for char in c.raw)]


def _places(report: Report) -> list[tuple[object, ...]]:
    return [(f.indicator, f.col, f.tbl, f.row, f.cell) for f in report.figures]


def _figures(report: Report) -> list[tuple[object, ...]]:
    return sorted((f.form, f.indicator, f.col, f.value, f.raw.strip(), f.state, f.unit) for f in report.figures)


def _metadata(report: Report) -> dict[str, object]:
    fields = report.metadata.__dataclass_fields__
    return {name: getattr(report.metadata, name) for name in fields} | {"year": report.year}


def _checks(report: Report) -> list[tuple[object, ...]]:
    kinds = ("check", "form")
    return [(f.name, f.at, f.status, f.expected, f.found, f.cause) for f in report.findings if f.kind in kinds]


def test_golden_keeps_what_is_not_in_the_facts() -> None:
    kept = golden(read(_page("qujiang-2020")))
    assert len(kept["sections"]) == 6
    assert any(claim["raw"] == "163条" for claim in kept["claims"])
    assert {"fail", "not_assessable", "notice"} <= {finding["status"] for finding in kept["findings"]}


def test_every_page_has_its_bytes_protected() -> None:
    assert "tests/pages/** -text" in (PAGES.parents[1] / ".gitattributes").read_text(encoding="utf-8")
