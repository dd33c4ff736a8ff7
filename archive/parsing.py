"""Parser processes: a page goes in as bytes, its reading comes out as a dictionary, whatever the page does.

Workers are spawned, never forked (a forked worker keeps the archive's lock after its parent is killed), and each
watches its parent: pebble's workers wait on a pipe that `kill -9` of the parent leaves open among themselves. A page
that takes too long costs its worker, which pebble replaces. Callbacks of the futures run in pebble's thread, not the
caller's.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any

from pebble import ProcessExpired, ProcessPool

TIMEOUT = 10.0  # seconds a page


class ParserPool:
    """`workers` processes that run `parse` and `as_dict` of the module named `parser`.

    The module also has `VERSION`, the version that its readings carry.
    """

    def __init__(self, workers: int = 2, *, parser: str = "parsers", timeout: float = TIMEOUT) -> None:
        self.workers = workers
        self.parser = parser
        self.timeout = timeout
        self.version: str = importlib.import_module(parser).VERSION
        self._pool: ProcessPool | None = None
        self._waiting: set[Future[dict[str, Any]]] = set()
        self._settling = threading.RLock()

    def submit(self, body: bytes, url: str, media_type: str | None) -> Future[dict[str, Any]]:
        """Have a page read. The future always gives a dictionary, shaped as `parsers.as_dict` makes it.

        A page over the time limit, a worker that died of it, and an exception (which `parse` promises not to raise)
        give kind `failed` and one finding: `parser_timeout` or `parser_died`.
        """
        outer: Future[dict[str, Any]] = Future()
        outer.set_running_or_notify_cancel()

        def done(inner: Future[dict[str, Any]]) -> None:
            with self._settling:
                self._waiting.discard(outer)
                if not outer.done():
                    error = inner.exception()
                    outer.set_result(inner.result() if error is None else self._failed(error, url, media_type))

        task = self._running().schedule(read, args=(self.parser, body, url, media_type), timeout=self.timeout)
        with self._settling:
            self._waiting.add(outer)
        task.add_done_callback(done)
        return outer

    def run(self, function: Callable[..., Any], *arguments: Any, timeout: float | None = None) -> Future[Any]:
        """Have `function`, a module's own, called in a worker; the future gives what it gives, or raises.

        TimeoutError after `timeout` seconds, ProcessExpired where the worker is killed.
        """
        running: Future[Any] = self._running().schedule(function, args=arguments, timeout=timeout)
        return running

    def close(self) -> None:
        """End the workers. Futures of pages that were not read yet raise CancelledError."""
        with self._settling:
            waiting, self._waiting = self._waiting, set()
            for outer in waiting:
                outer.set_exception(CancelledError("the parser pool was closed"))
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def __enter__(self) -> ParserPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> ProcessPool:
        if self._pool is not None and not self._pool.active:
            self.close()
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.workers,
                initializer=begin,
                initargs=(self.parser,),
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool

    def _failed(self, error: BaseException, url: str, media_type: str | None) -> dict[str, Any]:
        if isinstance(error, TimeoutError):
            name, note = "parser_timeout", f"not read within {self.timeout:g} seconds"
        elif isinstance(error, ProcessExpired):
            name, note = "parser_died", f"the parser process ended with code {error.exitcode}"
        else:
            name, note = "parser_died", f"{type(error).__name__}: {error}"
        metadata = dict.fromkeys(
            ("index_number", "publisher", "written_on", "published_on", "openness", "validity", "document_number",
             "registration", "agency", "region")
        )  # fmt: skip
        finding = dict.fromkeys(("kind", "name", "at", "strength", "status", "expected", "found", "cause", "note"))
        finding |= {"kind": "parser", "name": name, "status": "notice", "cause": "parser", "note": note}
        return {
            "kind": "failed", "title": None, "url": url, "form": None, "year": None, "media_type": media_type,
            "charset": None, "parser": self.version, "metadata": metadata, "figures": [], "sections": [], "claims": [],
            "findings": [finding],
        }  # fmt: skip


def begin(parser: str) -> None:
    """First thing in a worker: import the parser, so that no page pays for it, and tie the process to its parent."""
    importlib.import_module(parser)
    gc.collect()
    gc.freeze()  # what every page needs is not garbage: not to be looked through with each page
    follow_parent()


def follow_parent() -> None:
    """In a worker: end when the parent does, however that ends."""
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()


def read(parser: str, body: bytes, url: str, media_type: str | None) -> dict[str, Any]:
    """In a worker: one page."""
    module = importlib.import_module(parser)
    report: dict[str, Any] = module.as_dict(module.parse(body, url=url, media_type=media_type))
    return report


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
