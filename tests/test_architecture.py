"""Three packages, one direction: crawler -> archive -> parsers (docs/design.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "parsers": {"archive", "crawler", "scrapy", "sqlite3", "sqlite_utils", "datasette", "gongkai"},
    "archive": {"crawler", "scrapy", "twisted", "gongkai"},
    "crawler": {"gongkai"},
}
#: what would make a reading depend on more than its bytes
IMPURE = {"time", "random", "secrets", "socket", "urllib.request", "uuid", "threading", "subprocess", "datetime", "os"}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_packages_import_one_way_only(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        wrong = {name for name in _imports(path) if name.split(".")[0] in FORBIDDEN[package]}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_parsers_have_no_clock_network_or_randomness() -> None:
    files = sorted((ROOT / "parsers").rglob("*.py"))
    assert len(files) > 15
    for path in files:
        wrong = _imports(path) & IMPURE
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_no_module_outgrows_one_idea() -> None:
    for package in ("parsers", "archive", "crawler"):
        for path in sorted((ROOT / package).rglob("*.py")):
            length = len(path.read_text(encoding="utf-8").splitlines())
            assert length <= 450, f"{path.relative_to(ROOT)} has {length} lines"
