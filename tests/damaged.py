"""Damages pages as broken templates, editors and connections do: tags dropped, swapped or doubled, bodies cut."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

TAG = re.compile(rb"</?(?:table|tbody|tr|td)\b[^>]*>")


def drop_tags(body: bytes, rng: random.Random, names: bytes = rb"</?(?:table|tr|td)", times: int = 1) -> bytes:
    """The body without `times` random tags whose opening matches `names`."""
    found = list(re.finditer(rb"(?:" + names + rb")\b[^>]*>", body))
    for tag in sorted(rng.sample(found, min(times, len(found))), key=lambda tag: -tag.start()):
        body = body[: tag.start()] + body[tag.end() :]
    return body


def swap_tags(body: bytes, rng: random.Random) -> bytes:
    """The body with one table tag and the next one exchanged."""
    found = list(TAG.finditer(body))
    if len(found) < 2:
        return body
    n = rng.randrange(len(found) - 1)
    a, b = found[n], found[n + 1]
    return body[: a.start()] + b.group() + body[a.end() : b.start()] + a.group() + body[b.end() :]


def double_tag(body: bytes, rng: random.Random) -> bytes:
    """The body with one table tag written twice."""
    found = list(TAG.finditer(body))
    if not found:
        return body
    tag = rng.choice(found)
    return body[: tag.end()] + tag.group() + body[tag.end() :]


def truncate(body: bytes, rng: random.Random) -> bytes:
    """The body cut at a random byte, its first tenth kept."""
    return body[: rng.randrange(len(body) // 10, len(body))]


def nul_bytes(body: bytes, rng: random.Random) -> bytes:
    """The body with NULs between random bytes that begin no multi-byte character."""
    at = sorted((n for n in rng.sample(range(len(body)), min(40, len(body))) if body[n] < 0x80), reverse=True)
    for n in at:
        if body[n : n + 1] in b" >\n":
            body = body[:n] + b"\0" + body[n:]
    return body


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "drop </td>": lambda body, rng: drop_tags(body, rng, rb"</td", 5),
    "drop </tr>": lambda body, rng: drop_tags(body, rng, rb"</tr", 3),
    "drop <tr>": lambda body, rng: drop_tags(body, rng, rb"<tr", 2),
    "drop <td>": lambda body, rng: drop_tags(body, rng, rb"<td", 2),
    "drop <table>": lambda body, rng: drop_tags(body, rng, rb"<table", 1),
    "drop </table>": lambda body, rng: drop_tags(body, rng, rb"</table", 1),
    "drop all </td>": lambda body, rng: drop_tags(body, rng, rb"</td", 10_000),
    "drop all </tr>": lambda body, rng: drop_tags(body, rng, rb"</tr", 10_000),
    "drop any": lambda body, rng: drop_tags(body, rng, times=3),
    "swap": swap_tags,
    "double": double_tag,
    "truncate": truncate,
    "nul": nul_bytes,
}
