"""A hostile archive opened through every view, in a real browser: nothing runs, nothing leaves, no view breaks.

The first test shows that the attacks are real: opened as a file, the same page reaches the trap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from browser import chromium, serving, watched
from desk_archive import build
from hostile import Trap, bombs, pages, trap
from playwright.sync_api import Browser, Dialog

from archive import desk, original, plots

ATTACKS = {"/script", "/onerror", "/refresh", "/sheet.css", "/frame", "/svgimage.png", "/style.png", "/import.css"}


@pytest.fixture(scope="module")
def trapped() -> Iterator[Trap]:
    with trap() as found:
        yield found


@pytest.fixture(scope="module")
def archive(trapped: Trap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "hostile.db"
    build(path, pages(trapped.address))
    build(path, bombs(), read=False)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def views(archive: Path) -> list[str]:
    """Every address of the desk that shows something of this archive."""
    conn = sqlite3.connect(archive)
    described = yaml.safe_load((desk.FOLDER / "metadata.yml").read_text(encoding="utf-8"))["databases"]["gongkai"]
    reports = [row[0] for row in conn.execute("select id from report")]
    assert len(reports) > 2
    found = ["/", "/gongkai", "/-/dashboard", *(f"/gongkai/{name}" for name in described["tables"])]
    for name, query in described["queries"].items():
        parameters = "&".join(f"{name}=" for name in query.get("params", ()))
        found.append(f"/gongkai/{name}?{parameters}")
    found += [f"/gongkai/{plots.PREFIX}{plot.name}#mark=bar" for plot in plots.load()]
    found += [f"/-/report/{identity}" for identity in reports]
    found += [f"/gongkai/report/{identity}" for identity in reports[:1]]
    captures = conn.execute("select id, sha256 from capture").fetchall()
    found += [f"/-/page/{identity}" for identity, _ in captures]
    found += [f"/gongkai/capture/{captures[0][0]}", f"/gongkai/body/{captures[0][1]}"]
    found += [
        f"/-/figure/{'-'.join(map(str, row))}"
        for row in conn.execute(
            "select report_id, form, indicator, col from figure where raw like '%163%' or raw like '%script%'"
        )
    ]
    titles = "/gongkai?sql=select+title,agency_name,publisher,url,title+as+value,id+as+x+from+report#mark=bar"
    found += [titles, titles.replace("#", "&again=1#") + "&x=title&y=x&color=agency_name"]
    conn.close()
    return found


def test_the_attacks_are_real(trapped: Trap, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    for number, saved in enumerate((pages(trapped.address)[0], pages(trapped.address)[4])):
        (tmp_path / f"{number}.html").write_bytes(
            saved.body.replace(b'http-equiv="refresh"', b"x") if number else saved.body
        )
        page.goto((tmp_path / f"{number}.html").as_uri(), wait_until="commit")
        for _ in range(50):
            if len(set(trapped.asked)) > 8 * (number + 1):
                break
            page.wait_for_timeout(100)
    page.close()
    assert len(set(trapped.asked)) > 8 and ATTACKS & set(trapped.asked), sorted(set(trapped.asked))
    trapped.asked.clear()


def test_nothing_runs_nothing_leaves_and_no_view_breaks(trapped: Trap, archive: Path, browser: Browser) -> None:
    trapped.asked.clear()
    with serving(archive) as base:
        context, strangers = watched(browser, base)
        page = context.new_page()
        dialogs: list[str] = []

        def refuse(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", refuse)
        marked = 0
        for view in views(archive):
            answer = page.goto(base + view)
            assert answer is not None and answer.status < 500, view
            assert len(page.frames) == 1 and page.url.startswith(base + "/"), view
            assert page.title() != "RUN" and page.evaluate("window.name") != "RUN", view
            if page.query_selector(".export-links" if "#mark=" in view else "section.plot"):
                page.wait_for_selector(".status[data-done]", state="attached")
                page.wait_for_selector(".status:not([data-done])", state="detached")
            if view.startswith("/-/page/") and answer.status == 200:
                assert not page.query_selector(
                    "script, iframe, form, input, svg, object, embed, base, [onclick], a[ping]"
                )
                assert page.locator("div[role=banner]").first.is_visible(), view
                for link in page.query_selector_all("a[data-href]")[:3]:
                    link.dispatch_event("click")
                assert page.url == base + view
            if view.startswith("/-/figure/"):
                cell = page.locator(f"#{original.MARK}")
                assert cell.count() == 1 and cell.is_visible(), view
                assert "not the figure" not in (cell.text_content() or "")
                marked += 1
        assert marked > 0
        page.wait_for_timeout(300)
        context.close()
    assert strangers == [] and trapped.asked == [] and dialogs == []


def test_a_bomb_is_refused_at_once_and_its_bytes_stay_reachable(archive: Path, browser: Browser) -> None:
    conn = sqlite3.connect(archive)
    large = conn.execute(
        "select c.id, c.sha256, b.size from capture c join body b using (sha256) where b.size > 1000000"
    ).fetchall()
    conn.close()
    assert len(large) == 5 and sum(size > 29_000_000 for _, _, size in large) == 3
    with serving(archive) as base:
        context, strangers = watched(browser, base, language="en")
        page = context.new_page()
        page.set_default_timeout(10_000)
        for capture, sha256, size in large:
            answer = page.goto(f"{base}/-/page/{capture}")
            assert answer is not None and answer.status in ((413,) if size > original.LARGEST else (200, 413))
            if answer.status == 200:
                page.locator(f"a[href='/gongkai/capture/{capture}']").click()
            with page.expect_download() as taken:
                page.locator(f"a[href='/-/body/{sha256}']").click()
            assert taken.value.path().stat().st_size == size
        context.close()
    assert strangers == []
