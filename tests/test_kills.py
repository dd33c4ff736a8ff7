"""kill -9 at ten random moments of a crawl of two families, then the same command: nothing lost, nothing left, nothing
asked for twice (issues 2 and 5); fifty of them in `make bench`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from killed_crawls import kill_crawls

KILLS = 10
SEED = int(os.environ.get("GONGKAI_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


@pytest.mark.timeout(400)
def test_ten_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    print(f"seed {SEED}; repeat with GONGKAI_KILL_SEED={SEED}")  # noqa: T201
    killed = list(kill_crawls(tmp_path, KILLS, random.Random(SEED), years=(2022,)))
    met = sum(kill.met for kill in killed)
    assert met >= KILLS // 2, f"seed {SEED}: only {met} of {KILLS} kills met a running crawl"
    assert any(kill.archived for kill in killed), f"seed {SEED}: no kill came after a report was archived"
