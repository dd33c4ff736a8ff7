"""kill -9, full and read-only disks, cut -wal files, readers that never let go: nothing acknowledged is lost.

The kills come at random moments; their seed is printed with a failure. `make bench` kills ten times as often.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import killed
import pytest
from archive_samples import begin, fetched, keep, page
from click.testing import CliRunner

import gongkai
from archive import canonical
from archive.store import ArchiveError, Store

KILLS = int(os.environ.get("GONGKAI_KILLS", "10"))
URL = "http://www.qj.example/art/{}.html"


def fill(path: Path, pages: range, day: int) -> None:
    with Store.open(path, create=True) as store:
        crawl = begin(store, day)
        for number in pages:
            figures = {"applications_received": str(number * day)}
            metadata = {"agency": f"第{number % 7}局"}
            keep(store, crawl, URL.format(number), day, page(year=2020, figures=figures, metadata=metadata))
        store.finish_crawl(crawl, "finished")


def derived(path: Path) -> list[str]:
    """The derived tables; a merge that is not finished has a mark of its own for their layout."""
    with Store.open(path, write=False, stale=True) as store:
        return [line for line in canonical.derived(store.conn) if not line.startswith("layout")]


def captures(path: Path) -> set[str]:
    with Store.open(path, write=False, stale=True) as store:
        assert store.conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.conn.execute("PRAGMA foreign_key_check").fetchall() == []
        return {row[0] for row in store.conn.execute("SELECT id FROM capture")}


@pytest.mark.parametrize("verb", killed.VERBS)
def test_kill_9_at_random_moments(tmp_path: Path, verb: str) -> None:
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    path = tmp_path / "a.db"
    fill(path, range(40), 1)
    for number, pages in enumerate((range(20, 60), range(50, 90))):
        fill(tmp_path / f"source{number}.db", pages, 2 + number)
    before, kept = derived(path), captures(path)
    expected: list[str] = []
    if verb == "merge":
        undisturbed = tmp_path / "undisturbed"
        undisturbed.mkdir()
        for name in ("a.db", "source0.db", "source1.db"):
            shutil.copy(tmp_path / name, undisturbed / name)
        once(verb, undisturbed / "a.db")
        expected = derived(undisturbed / "a.db")
    for _ in range(KILLS):
        acknowledged = killed.kill_at_random(verb, path, chance, 0.4)
        now = captures(path)
        assert kept | acknowledged <= now, f"seed {seed}"
        kept = now
        if verb in ("reparse", "verify"):
            assert derived(path) == before, f"seed {seed}"
        if verb == "merge":
            assert derived(path) in (before, expected), f"seed {seed}"
    once(verb, path)
    if verb != "save":
        assert derived(path) == (expected or before), f"seed {seed}"
    with Store.open(path) as store:
        assert store.verify().damaged == [] and list(store.unread()) == []
        assert not [name for name in store.db.table_names() if name.startswith("shadow_")]


def once(verb: str, path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{killed.HERE.parent}:{killed.HERE}"}
    done = subprocess.run(
        [sys.executable, str(killed.HERE / "killed.py"), verb, str(path), "once"],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(gongkai.main, [str(argument) for argument in arguments])
    return done.exit_code, done.stderr


def test_a_full_disk(disk: Path, tmp_path: Path) -> None:
    path, other = disk / "a.db", tmp_path / "other.db"
    kept = []
    full = r"the disk is full\. Everything acknowledged so far is kept"
    with pytest.raises(ArchiveError, match=full), Store.open(path, create=True) as store:
        crawl = begin(store)
        for number in range(1000):
            kept.append(store.save_capture(fetched(crawl, URL.format(number), 1), os.urandom(50_000), None))
    assert len(kept) > 10
    with Store.open(other, create=True) as store:
        crawl = begin(store, 2)
        for number in range(30):
            store.save_capture(fetched(crawl, URL.format(number), 2), os.urandom(100_000), None)
    for arguments in (("reparse", "--db", path), ("import", other, "--db", path), ("merge", other, "--into", path)):
        code, said = run(*arguments)
        assert code == 5 and "the disk is full" in said, (arguments, code, said)
        assert {capture.id for capture in kept} <= captures(path)
    remount(disk, "size=40m")
    code, said = run("merge", other, "--into", path)
    assert code == 0, said
    assert captures(path) == {capture.id for capture in kept} | captures(other)
    with Store.open(path) as store:
        assert store.verify().damaged == []
        assert all(store.body(str(capture.sha256)) for capture in kept)


def test_a_read_only_disk(disk: Path) -> None:
    path = disk / "a.db"
    fill(path, range(5), 1)
    before = derived(path)
    remount(disk, "ro")
    for verb in ("reparse", "verify", "import"):
        code, said = run(verb, *([__file__] if verb == "import" else []), "--db", path)
        assert code == 5, (verb, code, said)
        assert str(path) in said and ("read-only" in said.lower() or "permissions" in said), said
    assert run("status", "--db", path)[0] == 0
    assert derived(path) == before
    remount(disk, "rw")
    assert run("verify", "--db", path)[0] == 0


def test_a_second_writer(tmp_path: Path) -> None:
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    fill(other, range(2), 1)
    with Store.open(path, create=True):
        for arguments in (("reparse", "--db", path), ("verify", "--db", path), ("merge", other, "--into", path),
                          ("import", __file__, "--db", path)):  # fmt: skip
            code, said = run(*arguments)
            assert code == 4 and f"process {os.getpid()}" in said, (arguments, said)
    assert run("verify", "--db", path)[0] == 0


def test_a_truncated_wal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What was cut off is gone, and that is said; what is left is the archive as it was at an earlier commit."""
    chance = random.Random(6)
    path = tmp_path / "a.db"
    kept: list[str] = []
    with Store.open(path, create=True) as store:
        crawl = begin(store)
        store.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(12):
            kept.append(keep(store, crawl, URL.format(number), 1, page(year=2020, text="字" * 400)).id)
        wal = Path(f"{path}-wal").read_bytes()
        main, beside = path.read_bytes(), Path(f"{path}.lock").read_bytes()
    found = set()
    for number in range(12):
        copy = tmp_path / f"{number}.db"
        copy.write_bytes(main)
        Path(f"{copy}-wal").write_bytes(wal[: chance.randrange(len(wal))])
        now = captures(copy)
        assert now == set(kept[: len(now)])
        found.add(len(now))
        assert run("verify", "--db", copy)[0] == 0
        Path(f"{copy}.lock").write_bytes(beside)
        if len(now) < 12:
            said = f"it holds {len(now)} captures, and 12 were acknowledged; the last was {kept[-1]}"
            code, warned = run("reparse", "--db", copy)
            assert code == 0 and said in caplog.text
            code, warned = run("verify", "--db", copy)
            assert code == 1 and said in warned
            caplog.clear()
        assert run("verify", "--db", copy)[0] == 0
        assert run("reparse", "--db", copy)[0] == 0
        assert captures(copy) == now
    assert len(found) > 4 and caplog.text == ""
    path.unlink()
    with Store.open(path, create=True) as store:
        assert store.lost is None and caplog.text == ""


def test_a_reader_that_never_lets_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.db"
    fill(path, range(10), 1)
    before = derived(path)
    wal = Path(f"{path}-wal")
    with Store.open(path, write=False) as reader:
        reader.conn.execute("BEGIN")
        assert reader.conn.execute("SELECT count(*) FROM capture").fetchone() == (10,)
        with caplog.at_level(logging.WARNING):
            fill(path, range(10, 20), 2)
        assert "another program keeps reading" in caplog.text and str(path) in caplog.text
        assert wal.stat().st_size > 0
        with Store.open(path) as store:
            store.reparse(1, parser="archive_samples")
        assert reader.conn.execute("SELECT count(*) FROM capture").fetchone() == (10,)
        assert [line for line in canonical.derived(reader.conn) if not line.startswith("layout")] == before
        reader.conn.execute("COMMIT")
        assert reader.conn.execute("SELECT count(*) FROM capture").fetchone() == (20,)
    caplog.clear()
    Store.open(path).close()
    assert not wal.exists() or wal.stat().st_size == 0
    assert caplog.text == "" and len(captures(path)) == 20
