"""The package as pip installs it, outside the checkout: every file that the code reads is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from test_front_door_files import REPORT

PACKAGES = ("archive", "crawler", "parsers")
NOT_OURS = shutil.ignore_patterns("__pycache__", "gongkai.db*", "*.egg-info", "build")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel unpacks to."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=NOT_OURS)
    for name in ("pyproject.toml", "gongkai.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*build, "--wheel-dir", folder, folder / "source"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "installed")
    return folder / "installed"


def run(installed: Path, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGKAI_", "SCRAPY_"))}
    return subprocess.run(
        [sys.executable, "-c", "import gongkai; gongkai.main()", *map(str, arguments)],
        cwd=folder, env=kept | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_every_file_of_the_packages_is_in_it(installed: Path) -> None:
    source = installed.parent / "source"
    wanted = {path.relative_to(source) for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()}
    assert len(wanted) > 200
    there = {path.relative_to(installed) for path in installed.rglob("*")}
    assert wanted - there == set()


def test_it_works_without_the_checkout_and_keeps_its_archive_where_it_runs(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(REPORT, encoding="utf-8")
    done = run(installed, tmp_path, "import", "page.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "gongkai.db").is_file() and not list(installed.rglob("*.db"))
    for verb, said in (("status", "reports"), ("portals list", "quzhou-qujiang")):
        done = run(installed, tmp_path, *verb.split())
        assert done.returncode == 0 and said in done.stdout, done.stderr
