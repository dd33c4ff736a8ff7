"""A program that is killed: `python killed.py VERB ARCHIVE`, over and over until somebody does, or `once`.

It works through a small archive of the stub parser (archive_samples) as the verbs do, in small transactions, and says
`ready` when it begins and the id of each capture that it was told is kept. `kill_at_random` is the somebody.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
VERBS = ("save", "reparse", "merge", "verify")


def main(verb: str, path: Path, once: bool) -> None:
    import archive_samples as samples

    from archive import fixity, merging, rebuild
    from archive.parsing import ParserPool
    from archive.store import Store

    rebuild.BATCH = fixity.BATCH = merging.BATCH = 4
    fixity.FEW = 1
    with ParserPool(1, parser="archive_samples") as pool, Store.open(path, create=True, stale=True) as store:
        say("ready")
        while True:
            if verb == "save":
                for capture in store.unread():
                    store.save_report(capture, pool.submit(store.body(str(capture.sha256)), capture.url, None).result())
                crawl = samples.begin(store)
                for number in range(20):
                    body = samples.page(year=2020, figures={"complaints_total": str(number)}, text="公开" * 900)
                    url = f"http://a.example/{crawl}/{number}"
                    capture = store.save_capture(samples.fetched(crawl, url, 1), body, "text/html")
                    say(capture.id)
                    store.save_report(capture, pool.submit(body, capture.url, "text/html").result())
                store.finish_crawl(crawl, "finished")
            elif verb == "verify":
                store.verify(workers=2)
            else:
                if verb == "merge":
                    merging.merge(store, sorted(path.parent.glob("source*.db")))
                rebuild.reparse(store, pool)
            if once:
                return


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def kill_at_random(verb: str, path: Path, chance: random.Random, longest: float) -> set[str]:
    """Start the program, kill it with signal 9 within `longest` seconds; the ids that it acknowledged.

    Its workers must be gone soon after: AssertionError where they are not.
    """
    environment = os.environ | {"PYTHONPATH": f"{HERE.parent}:{HERE}"}
    child = subprocess.Popen(
        [sys.executable, str(HERE / "killed.py"), verb, str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert child.stdout and child.stderr
    first = child.stdout.readline()
    time.sleep(chance.uniform(0, longest))
    assert first == "ready\n" and child.poll() is None, child.stderr.read()
    workers = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGKILL)
    acknowledged = set(child.stdout.read().split())
    child.stdout.close()
    child.stderr.close()
    child.wait()
    ends = time.monotonic() + 10
    while left := [worker for worker in workers if alive(worker)]:
        assert time.monotonic() < ends, f"workers left behind: {left}"
        time.sleep(0.02)
    return acknowledged


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits for its parent to take note does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parent), str(HERE)]
    main(sys.argv[1], Path(sys.argv[2]), "once" in sys.argv[3:])
