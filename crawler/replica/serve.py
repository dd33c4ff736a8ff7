"""All replicas on their fixed ports, in a process of their own that ends when its parent does.

`portals.toml` says where each listens; a family's replica is the class below. The process writes one line,
`{"ready": …}`, to its standard output when every site listens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crawler.portals import host_and_port
from crawler.replica.hanweb_jcms import HanwebJcmsSite

PORTALS = Path(__file__).parent / "portals.toml"
LONGEST = 6 * 3600.0  # seconds that forgotten replicas stay up
_SITES = {"hanweb-jcms": HanwebJcmsSite}


class ReplicaError(RuntimeError):
    """The replicas could not be started; the message says why."""


def sites() -> dict[str, HanwebJcmsSite]:
    """A site for each portal of `portals.toml`, by key, bound to its port and not yet serving."""
    made = {}
    with PORTALS.open("rb") as file:
        for key, portal in tomllib.load(file).items():
            host, port = host_and_port(portal["url"])
            try:
                made[key] = _SITES[portal["family"]](host, port)
            except OSError as error:
                raise ReplicaError(
                    f"{host}:{port} is taken ({error.strerror}): is another `gongkai demo` running?"
                ) from error
    return made


def planted() -> dict[str, dict[str, Any]]:
    """What a first crawl of each replica must find, by portal key (see the sites' `planted`)."""
    with PORTALS.open("rb") as file:
        tables = tomllib.load(file)
    found = {}
    for key, portal in tables.items():
        site = _SITES[portal["family"]]()
        found[key] = site.planted()
        site.close()
    return found


def serve(parent: int) -> int:
    """Serve until `parent`, the process that started this one, ends; the exit code."""
    began = time.monotonic()
    try:
        started = sites()
    except ReplicaError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for site in started.values():
        site.start()
    sys.stdout.write(json.dumps({"ready": {key: site.url for key, site in started.items()}}) + "\n")
    sys.stdout.flush()
    while os.getppid() == parent and time.monotonic() - began < LONGEST:
        time.sleep(0.2)
    return 0


@contextmanager
def running() -> Iterator[subprocess.Popen[str]]:
    """The replicas in a process of their own for the length of a `with`. ReplicaError where they do not start."""
    process = subprocess.Popen(
        [sys.executable, "-m", "crawler.replica", str(os.getpid())],
        cwd=Path(__file__).resolve().parent.parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if '"ready"' not in line:
            said = process.stderr.read() if process.stderr else ""
            raise ReplicaError(said.strip() or "the replicas ended before they were ready")
        yield process
    finally:
        process.terminate()
        process.wait(10)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
