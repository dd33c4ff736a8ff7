"""Fifty kills at random moments of a crawl of two families: dumps equal, no archived report asked for again."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

from killed_crawls import kill_crawls

KILLS = 50


def run() -> None:
    seed = int(os.environ.get("GONGKAI_KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    with tempfile.TemporaryDirectory() as folder:
        killed = list(kill_crawls(Path(folder), KILLS, random.Random(seed), years=(2020, 2022)))
    met = [kill for kill in killed if kill.met]
    print(f"seed {seed}: {len(met)} of {KILLS} kills met a running crawl; all dumps equal the undisturbed one")
    archived = sorted(kill.archived for kill in met)
    print(f"  reports archived when killed: {archived[0]} to {archived[-1]}, none of them asked for again")
