"""A real browser for the tests of the desk: Debian's chromium, driven by playwright, against `gongkai serve`.

Where there is no chromium the tests say so and are skipped; `.ci/run` installs it.
A module that uses this must close the browser before another calls `asyncio.run`: playwright's loop runs meanwhile.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parent.parent


def program(*names: str) -> str:
    """The path of a program, also of those that only administrators have in their path; skips the test without it."""
    places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    found = next((path for name in names if (path := shutil.which(name, path=places))), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not installed; on Debian: apt-get install {names[0]}")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that resolves no name: what is not on this machine cannot be reached by accident."""
    path = program("chromium", "chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(db: Path, *arguments: str) -> Iterator[str]:
    """The address of `gongkai serve` on an archive, without a slash at the end; it ends by its id."""
    command = [sys.executable, str(ROOT / "gongkai.py"), "serve", "--db", str(db), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://[\d.]+:\d+", server.stdout.readline())
            assert found, "gongkai serve said no address"
            yield found[0]
        finally:
            server.terminate()
            server.wait(timeout=20)


def watched(browser: Browser, base: str, language: str = "zh", width: int = 1100) -> tuple[BrowserContext, list[str]]:
    """A context, and the list that every request to anywhere but `base` is written into."""
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=language)
    strangers: list[str] = []
    own = (base + "/", "data:", "blob:", "about:")
    context.on("request", lambda request: None if request.url.startswith(own) else strangers.append(request.url))
    return context, strangers
