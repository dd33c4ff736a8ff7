"""A small HTTP server on a loopback address: pages from a dictionary, a log of what was asked, faults on demand.

HTTP/1.1 with kept connections, a thread each, so that a client that asks for two pages at once is seen doing so.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit


class Query(NamedTuple):
    """One request: path without its query, the query's and the form's last values, header names in lower case, and
    the body as text."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    body: str = ""


class Answer(NamedTuple):
    """One answer. `missing` bytes more are announced than are sent; `pause` seconds pass before it, `drip` seconds
    before each byte of its body; with `reset` the connection is reset instead."""

    body: bytes = b""
    status: int = 200
    media_type: str = "text/html; charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0
    pause: float = 0.0
    drip: float = 0.0
    reset: bool = False


class Asked(NamedTuple):
    """One line of the log: when it began and ended (monotonic seconds), and how many were in progress with it."""

    began: float
    ended: float
    query: Query
    status: int
    together: int


NOT_FOUND = Answer(b"<html><head><title>404</title></head><body><h1>404 Not Found</h1></body></html>", status=404)
Fault = Callable[[Query], Answer | None]


class Site:
    """A site of pages by path. `faults` are asked first; the first that returns an answer gives it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"a replica listens on a loopback address, not on {host}")
        self.pages: dict[str, Answer] = {}
        self.faults: list[Fault] = []
        self.log: list[Asked] = []
        self._busy = 0
        self._lock = threading.Lock()
        self._server = _Server((host, port), self)
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        """The site's address, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    def answer(self, query: Query) -> Answer:
        """What the site gives for a request, faults aside."""
        return self.pages.get(query.path, NOT_FOUND)

    def respond(self, query: Query) -> Answer:
        """A fault's answer, else the site's."""
        for fault in self.faults:
            answer = fault(query)
            if answer is not None:
                return answer
        return self.answer(query)

    def asked(self, prefix: str = "") -> list[Asked]:
        """The log's lines whose path begins with `prefix`, in the order of their ends."""
        with self._lock:
            return [line for line in self.log if line.query.path.startswith(prefix)]

    def start(self) -> None:
        """Serve from a thread of this process until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the socket."""
        self._server.shutdown()
        self._thread.join(5)
        self.close()

    def close(self) -> None:
        """Close the socket of a site that does not serve."""
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def begin(self) -> tuple[float, int]:
        """Note that a request has come: its time, and how many are in progress with it."""
        with self._lock:
            self._busy += 1
            return time.monotonic(), self._busy

    def end(self, began: float, together: int, query: Query, status: int) -> None:
        """Note that a request was answered. Called before the answer is sent: the client's next cannot overtake it."""
        with self._lock:
            self._busy -= 1
            self.log.append(Asked(began, time.monotonic(), query, status, together))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], site: Site) -> None:
        self.site = site
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away (a killed crawl) is no error of the site's; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write an answer: headers and body apart cost 40 ms of delayed acknowledgement
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        site = self.server.site
        began, together = site.begin()
        parts = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        query = Query(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name: values[-1] for name, values in parse_qs(sent, keep_blank_values=True).items()},
            {name.lower(): value for name, value in self.headers.items()},
            sent,
        )
        answer = site.respond(query)
        if answer.pause:
            time.sleep(answer.pause)
        site.end(began, together, query, answer.status)
        if answer.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body) + answer.missing))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if answer.drip:
            self._drip(answer)
        else:
            self.wfile.write(answer.body)
        if answer.missing:
            self.close_connection = True

    def _drip(self, answer: Answer) -> None:
        for number in range(len(answer.body)):
            self.wfile.write(answer.body[number : number + 1])
            self.wfile.flush()
            time.sleep(answer.drip)

    def log_message(self, format: str, *args: object) -> None:
        """The site keeps its own log."""
