"""parse() under a bounded minute of fuzzing: it must never raise. Guided by atheris where that is installed."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parsers import as_dict, parse

SECONDS = 60
PAGES = Path(__file__).parents[1] / "pages"
TOKENS = [
    *(tag.encode() for tag in ("<td>", "</td>", "<tr>", "</tr>", "<table>", "</table>", "<p>", "<br>", "<!--", "-->")),
    *(word.encode() for word in ("总计", "其他", "规章", "统计指标", "　", "万元", "—", "|", "年", "：")),
    b"\0",
    b"\xff\xfe",
    b' rowspan="0"',
    b' colspan="9999"',
    b"&nbsp;",
    b"0",
]


def _mutate(rng: random.Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(rng.randrange(1, 12)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                del data[place : place + rng.randrange(1, 40)]
            case 1:
                data[place:place] = rng.choice(TOKENS)
            case 2:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 3:
                data[place:place] = data[place : place + rng.randrange(1, 400)]
            case _:
                del data[place + rng.randrange(1, 2000) :]
    return bytes(data)


def _loop() -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    bodies = [path.read_bytes() for path in sorted(PAGES.iterdir()) if path.suffix in (".html", ".txt")]
    end, runs = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        body = _mutate(rng, rng.choice(bodies))
        try:
            as_dict(parse(body))
        except Exception as error:
            print(f"seed {seed}, run {runs}: {type(error).__name__}: {error}; the page: {body[:400]!r}…")
            raise
        runs += 1
    print(f"{runs} mutated pages in {SECONDS} s, none raised (seed {seed}; mutation without coverage)")


TARGET = """
import sys
import atheris
with atheris.instrument_imports():
    from parsers import as_dict, parse
atheris.Setup(sys.argv, lambda data: as_dict(parse(data)))
atheris.Fuzz()
"""


def run() -> None:
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here: pages are mutated without its guidance")
        _loop()
        return
    with tempfile.TemporaryDirectory() as folder:
        # the first folder is where atheris writes what it finds; the pages are only read
        found = Path(folder) / "corpus"
        found.mkdir()
        limits = [f"-max_total_time={SECONDS}", "-max_len=60000", f"-artifact_prefix={folder}/"]
        done = subprocess.run(
            [sys.executable, "-c", TARGET, *limits, str(found), str(PAGES)],
            capture_output=True,
            text=True,
            timeout=SECONDS * 3,
            check=False,
        )
        crashes = [path.read_bytes() for path in Path(folder).glob("crash-*")]
    print("\n".join(done.stderr.splitlines()[-4:]))
    if done.returncode:
        raise SystemExit(f"atheris ended with {done.returncode}; the input: {crashes!r:.2000}")
