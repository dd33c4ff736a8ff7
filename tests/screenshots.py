"""Writes docs/images/ anew from an archive of `gongkai demo`: `.venv/bin/python tests/screenshots.py DB`."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from browser import ROOT, chromium, serving, watched
from PIL import Image

FOLDER = ROOT / "docs" / "images"
FIGURE = "v2014-proactive_items_disclosed-quarter"


def main(db: Path) -> None:
    """Three pictures, in English and Chinese, of 64 colours each."""
    conn = sqlite3.connect(db)
    (report,) = conn.execute(
        "select id from report where agency_name = '衢州市衢江区民政局' and form = 'v2014' and year = 2020"
    ).fetchone()
    conn.close()
    FOLDER.mkdir(exist_ok=True)
    with serving(db) as base, chromium() as browser:
        for language in ("en", "zh"):
            context, _ = watched(browser, base, language, width=900)
            page = context.new_page()
            page.set_viewport_size({"width": 900, "height": 620})
            for name, path in (
                ("report", f"/-/report/{report}#form"),
                ("cell", f"/-/figure/{report}-{FIGURE}"),
                ("dashboard", "/-/dashboard"),
            ):
                page.goto(base + path)
                if name == "dashboard":
                    page.wait_for_selector(".status:not([data-done])", state="detached")
                file = FOLDER / ("cell.png" if name == "cell" else f"{name}.{language}.png")
                page.screenshot(path=file)
                with Image.open(file) as picture:
                    picture.convert("RGB").quantize(64).save(file, optimize=True)
            context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
