"""The same bytes give the same report on another Python: every page of tests/pages read by both, compared as JSON.

Another interpreter is looked for on the path and beside this one; what the parsers need is installed for it from the
lock, once, into `.venv/`. Where there is none, or nothing can be installed, the test says so and is skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parsers import as_dict, parse

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(path for path in (ROOT / "tests/pages").iterdir() if path.suffix in (".html", ".txt"))
_NEEDED = ("beautifulsoup4", "lxml", "opencc", "rapidfuzz", "soupsieve", "typing-extensions")
_MINORS = range(11, 20)
_READ = """
import json, sys
from pathlib import Path
from parsers import as_dict, parse
print(json.dumps([as_dict(parse(Path(p).read_bytes())) for p in sys.argv[1:]], sort_keys=True, default=str))
"""


def _another_python() -> tuple[str, str] | None:
    """(path, version) of an interpreter of another minor version that the project runs on."""
    names = [shutil.which(f"python3.{minor}") for minor in _MINORS]
    beside = [str(path) for path in sorted(Path(sys.base_prefix).parent.glob("3.*/bin/python3"))]
    for path in [*filter(None, names), *beside]:
        done = subprocess.run(
            [path, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        version = done.stdout.strip()
        if done.returncode == 0 and version != f"3.{sys.version_info[1]}" and int(version.split(".")[1]) in _MINORS:
            return path, version
    return None


def _locked() -> str:
    """The lines of the lock for what the parsers import."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return "".join(block for block in blocks if re.split(r"[=\s\[;]", block, maxsplit=1)[0] in _NEEDED)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment of another Python that has what the parsers need."""
    found = _another_python()
    if found is None:
        pytest.skip("no other Python of 3.11 or newer is on this machine")
    path, version = found
    place = ROOT / ".venv" if (ROOT / ".venv").is_dir() else tmp_path_factory.mktemp("venv")
    folder = place / f"python{version}"
    python = folder / "bin/python"
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([path, "-m", "venv", str(folder)], check=True, timeout=120)
        locked = folder / "requirements.lock"
        locked.write_text(_locked(), encoding="utf-8")
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:",
             "--require-hashes", "-r", str(locked)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.skip(f"Python {version}: the parsers' libraries cannot be installed: {done.stderr.strip()[-300:]}")
        (folder / "installed").touch()
    return python


def test_every_page_reads_the_same_on_another_python(other: Path) -> None:
    done = subprocess.run(
        [other, "-c", _READ, *map(str, PAGES)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout)
    assert len(theirs) == len(PAGES) > 60
    for path, reading in zip(PAGES, theirs, strict=True):
        ours = json.loads(json.dumps(as_dict(parse(path.read_bytes())), sort_keys=True, default=str))
        assert reading == ours, path.name
