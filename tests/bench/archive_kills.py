"""A hundred kills of each of the archive's verbs, as `make test` does ten: nothing acknowledged is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

KILLS = os.environ.get("GONGKAI_KILLS", "100")


def run() -> None:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_archive_durability.py", "-k", "kill", "-o", "timeout=0", "-x"],
        cwd=Path(__file__).parents[2], env=os.environ | {"GONGKAI_KILLS": KILLS}, check=True,
    )  # fmt: skip
    print(f"  {KILLS} kills of each verb in {time.perf_counter() - began:,.0f} s, nothing lost")
