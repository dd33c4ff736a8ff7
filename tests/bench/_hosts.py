"""Many replica hosts in one light process, a port each on 127.0.0.1: `python -m bench._hosts HOSTS VALIDATORS PARENT`.

The pages are HanwebJcmsSite's, another district's on each host, with some 12 KB of menus, styles and scripts around
them, the least that real pages have, made once and kept; a bare asyncio server answers, so that the cores are the
client's. It prints its ports when it listens, and for each line `count` on its standard input what was asked since the
last one: report pages, bytes sent, answers by status. It ends with its parent.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench._pages import _furniture
from crawler.replica.hanweb_jcms import HanwebJcmsSite
from crawler.replica.site import Query

YEARS = tuple(range(2008, 2024))
A_HOST = 14 * len(YEARS)


class Host:
    """One portal: its answers by request, made when first asked."""

    def __init__(self, number: int, site: HanwebJcmsSite, validators: bool, counts: Counter[str]) -> None:
        self.name = f"衢江{chr(0x4E00 + number)}区"
        self.site, self.validators, self.counts = site, validators, counts
        self.furniture = "".join(_furniture(number)).encode()
        self.kept: dict[tuple[str, str], tuple[bytes, str]] = {}

    def answer(self, method: str, target: str, headers: dict[str, str], sent: bytes) -> bytes:
        """The whole answer as it goes over the wire."""
        key = (target, sent.decode())
        if key not in self.kept:
            parts = urlsplit(target)
            query, form = (
                {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
                for text in (parts.query, key[1])
            )
            made = self.site.answer(Query(method, parts.path, query, form, headers))
            body = made.body.replace("衢江区".encode(), self.name.encode())
            if target.startswith("/art/"):
                body = body.replace(b"</body>", self.furniture + b"</body>")
            tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            head = f"HTTP/1.1 {made.status} x\r\nContent-Type: {made.media_type}\r\nContent-Length: {len(body)}\r\n"
            head += f"ETag: {tag}\r\n" if self.validators else ""
            self.kept[key] = (head.encode() + b"\r\n" + body, tag)
        answer, tag = self.kept[key]
        if self.validators and headers.get("if-none-match") == tag:
            answer = f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode()
        self.counts["pages"] += target.startswith("/art/")
        self.counts["bytes"] += len(answer)
        self.counts[f"status {answer[9:12].decode()}"] += 1
        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept as long as the client keeps it."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                sent = await reader.readexactly(int(headers.get("content-length", 0)))
                writer.write(self.answer(method, target, headers, sent))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(hosts: int, validators: bool, parent: int) -> None:
    counts: Counter[str] = Counter()
    site: Any = HanwebJcmsSite(years=YEARS)
    site.close()
    site.lines[:] = [line for line in site.lines[:-1] if "_99" not in line.path and "_46828" not in line.path]
    servers = [
        await asyncio.start_server(Host(n, site, validators, counts).serve, "127.0.0.1", 0) for n in range(hosts)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while os.getppid() == parent and await lines.readline():
        print(json.dumps(counts), flush=True)
        counts.clear()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "1", int(sys.argv[3])))
