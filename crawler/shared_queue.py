"""Many machines on one queue: the same spiders, with scrapy-redis between them (`gongkai crawl --redis URL`).

A portal's list is walked by the worker that claims it first; the report pages it finds go to a queue in Redis, one a
portal, from which every worker takes. Each worker writes an archive of its own. What a killed worker held is lost to
the queue, as it always is with scrapy-redis: the next run lists again and asks for what no archive has (`--known`).
A run is over for a family when its queues are empty and no living worker is at work; the next worker then begins anew.

Pace is kept over all workers by a lock and a pause a host in Redis. Their times are Redis' own, so the machines' clocks
do not matter; a lock whose holder died frees itself after the pause and some seconds. Requests are stored as JSON, not
pickled: whoever can write to the queue can have pages fetched, but runs no code.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, TypeVar

import redis
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy_redis.connection import get_redis
from scrapy_redis.queue import FifoQueue
from scrapy_redis.scheduler import Scheduler

from archive.store import Capture, Store
from crawler.gate import CHALLENGES_BEFORE_LEAVING, Gate, GatedHandler, Interrupted, gate_for
from crawler.portals import PortalError, host_key
from crawler.session import EntryRow, Session
from crawler.settings import DOWNLOAD_HANDLERS

ALIVE = 10.0  # seconds after its last sign that a worker counts as dead
LEASE = 15.0  # seconds, beside the pause, that a host's lock outlives its holder
IN_HAND = 2  # pages of a portal that a worker takes from the queue at a time; a killed worker loses no more
T = TypeVar("T")
P = "gongkai:"  # every key begins so; another project on the same server needs another database number

# KEYS: workers, claims, portals, challenges, left, pending. Begin a run where nobody lives, and join.
_JOIN = """
for _, worker in ipairs(redis.call('HKEYS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. 'alive:' .. string.match(worker, '^(%S+)')) == 0 then
    redis.call('HDEL', KEYS[1], worker)
  end
end
if redis.call('HLEN', KEYS[1]) == 0 then
  for _, queue in ipairs(redis.call('SMEMBERS', KEYS[6])) do redis.call('DEL', ARGV[1] .. 'queue:' .. queue) end
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
end
redis.call('SET', ARGV[1] .. 'alive:' .. ARGV[2], 1, 'PX', ARGV[3])
redis.call('HSET', KEYS[1], ARGV[2] .. ' joining', 'busy')
"""
_POP = """
local found = redis.call('RPOP', KEYS[1])
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
return found
"""
# Milliseconds to wait for a host; 0: its lock is ours.
_TAKE = """
local rest = redis.call('PTTL', KEYS[2])
if rest > 0 then return rest end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
return 100
"""
_KEEP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_GIVE = """
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], 1, 'PX', ARGV[2]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class SharedRun:
    """This process as one of the workers of a run. `known` are archives that are read, never written."""

    def __init__(self, url: str, session: Session, families: Iterable[str], known: Iterable[Path] = ()) -> None:
        self.session = session
        self._opening = set(families)
        self.worker = secrets.token_hex(6)
        self.known = [Store.open(path, write=False) for path in known]
        self.lost: str | None = None
        self._beat_at = 0.0
        try:
            self.redis: Any = get_redis(url=url, socket_timeout=10, socket_connect_timeout=10)
            script = self.redis.register_script
            self.pop, self.take, self.keep, self.give = script(_POP), script(_TAKE), script(_KEEP), script(_GIVE)
            names = [P + name for name in ("workers", "claims", "portals", "challenges", "left", "pending")]
            script(_JOIN)(keys=names, args=[P, self.worker, int(ALIVE * 1000)])
        except (redis.RedisError, ValueError) as error:
            self._close_known()
            raise PortalError(f"no Redis to share a queue with at {_without_password(url)}: {error}") from error

    def claim(self, url: str) -> bool:
        """Whether this worker is the first of the run to want a page."""
        return bool(self.redis.sadd(P + "claims", url))

    def takes(self, portal: str) -> bool:
        """Whether this worker is the first of the run to want a portal's list."""
        return bool(self.redis.hsetnx(P + "portals", portal, self.worker))

    def history(self, url: str) -> list[Capture]:
        """What the archives given as known say of a page."""
        return [capture for store in self.known for capture in store.history(url)]

    def opened(self, family: str) -> None:
        """A family is at work; when all are, each speaks for itself."""
        self.mark(family, "busy")
        self._opening.discard(family)
        if not self._opening:
            self.redis.hdel(P + "workers", f"{self.worker} joining")

    def beat(self) -> None:
        """Say that this worker lives; at most once a second."""
        if monotonic() - self._beat_at > 1.0:
            self._beat_at = monotonic()
            self.redis.set(f"{P}alive:{self.worker}", 1, px=int(ALIVE * 1000))

    def mark(self, family: str, state: str) -> None:
        """Say whether this worker is `busy` or `idle` with a family."""
        self.redis.hset(P + "workers", f"{self.worker} {family}", state)

    def others_at_work(self, family: str) -> bool:
        """Whether another living worker is busy with a family, or about to be."""
        for name, state in self.redis.hgetall(P + "workers").items():
            worker, _, what = name.decode().partition(" ")
            busy = worker != self.worker and what in (family, "joining") and state == b"busy"
            if busy and self.redis.exists(f"{P}alive:{worker}"):
                return True
        return False

    def gone(self, error: Exception) -> None:
        """Redis does not answer: nothing more can be shared, so the crawl stops."""
        if self.lost is None:
            self.lost = str(error)
            self.session.problems.append(f"the shared queue was lost: {error}")
            self.session.interrupted = True
            self.session.stop()

    def leave(self) -> None:
        """Take this worker off the list, as far as Redis can still be reached."""
        self._close_known()
        try:
            for name in self.redis.hkeys(P + "workers"):
                if name.decode().startswith(f"{self.worker} "):
                    self.redis.hdel(P + "workers", name)
            self.redis.delete(f"{P}alive:{self.worker}")
            self.redis.close()
        except redis.RedisError as error:
            self.gone(error)

    def _close_known(self) -> None:
        for store in self.known:
            store.close()


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _dumps(request: dict[str, Any]) -> str:
    headers = {name.decode("latin-1"): [value.decode("latin-1") for value in values]
               for name, values in request["headers"].items()}  # fmt: skip
    return json.dumps(request | {"headers": headers, "body": request["body"].decode("latin-1")})


def _loads(text: bytes) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(text)
    entry = request["meta"]["entry"]
    request["meta"]["entry"] = EntryRow(*entry) if entry is not None else None
    return request | {"body": request["body"].encode("latin-1")}


class PortalQueue(FifoQueue):  # type: ignore[misc]
    """The pages of one portal that wait for a worker; `pending` names the queues that are not empty."""

    def __init__(self, run: SharedRun, spider: Any, portal: str) -> None:
        serializer = SimpleNamespace(dumps=_dumps, loads=_loads)
        super().__init__(run.redis, spider, f"{P}queue:{spider.name}:{portal}".replace("%", "%%"), serializer)
        self.run, self.name = run, f"{spider.name}:{portal}"

    def push(self, request: Request) -> bool:
        """Queue a page."""
        with self.server.pipeline(transaction=True) as pipe:
            pipe.lpush(self.key, self._encode_request(request)).sadd(P + "pending", self.name).execute()
        return True

    def pop(self, timeout: int = 0) -> Request | None:
        """The page that waits longest, None where there is none."""
        found = self.run.pop(keys=[self.key, P + "pending"], args=[self.name])
        return self._decode_request(found) if found else None


class SharedScheduler(Scheduler):  # type: ignore[misc]
    """Report pages go to Redis and come from there; a list's own pages, and what is asked for again, stay here."""

    def __init__(self, run: SharedRun, crawler: Crawler) -> None:
        super().__init__(run.redis, persist=True)
        self.run, self.crawler = run, crawler
        self.local: list[Request] = []

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SharedScheduler:
        """Scrapy's way in; `crawler.run` has joined the run before."""
        return cls(current(), crawler)

    def open(self, spider: Any) -> None:
        """The spider begins; busy until it has said what it wants."""
        self.spider = spider
        self.queues = {portal: PortalQueue(self.run, spider, portal) for portal in spider.portals}
        self._asked(lambda: self.run.opened(spider.name), None)
        self.beating = asyncio.ensure_future(self._beat())

    def close(self, reason: str) -> None:
        """The spider is done; what it still had in hand is the next run's."""
        self.beating.cancel()
        self._asked(lambda: self.run.mark(self.spider.name, "idle"), None)

    def __len__(self) -> int:
        return len(self.local) + sum(len(self.queues[portal]) for portal in self._waiting(None))

    def enqueue_request(self, request: Request) -> bool:
        """Keep a request; False where the queue is lost."""
        again = request.meta.keys() & {"redirect_times", "retry_times"}
        if request.meta["kind"] != "report" or again:
            self.local.append(request)
            return True
        request.meta["seeded_by"] = self.run.worker
        return self._asked(lambda: self.queues[request.meta["portal"]].push(request), False)

    def next_request(self) -> Request | None:
        """The next request for this worker, None where it has enough in hand or nothing waits."""
        if self.local:
            self.local.sort(key=lambda request: request.priority)
            return self.local.pop()
        return self._asked(self._take, None)

    def has_pending_requests(self) -> bool:
        """Whether there may be more to do: here, in the queues, or by what another worker finds."""
        return bool(self.local) or self._asked(self._goes_on, False)

    def _take(self) -> Request | None:
        self.run.beat()
        in_hand: Counter[str] = Counter()
        engine = self.crawler.engine
        for active in engine.downloader.active if engine else ():
            in_hand[active.meta["portal"]] += active.meta["kind"] == "report"
        for portal in self._waiting(64):
            if in_hand[portal] < IN_HAND:
                self.run.mark(self.spider.name, "busy")  # before it leaves the queue: the two are read in this order
                if (request := self.queues[portal].pop()) is not None:
                    return self._received(request)
        return None

    def _received(self, request: Request) -> Request:
        entry: EntryRow | None = request.meta["entry"]
        if entry is not None and request.meta["seeded_by"] != self.run.worker:
            entry = entry._replace(listing_capture=None)  # the list page lies in the other worker's archive
            request.meta["entry"] = entry
            self.run.session.save_entries([entry])
        return request

    def _goes_on(self) -> bool:
        if self._waiting(None):
            return True
        self.run.mark(self.spider.name, "idle")
        return bool(self._waiting(None)) or self.run.others_at_work(self.spider.name)

    def _waiting(self, some: int | None) -> list[str]:
        names = self.server.srandmember(P + "pending", some) if some else self.server.smembers(P + "pending")
        mine = (name.decode().partition(":") for name in names)
        return [portal for family, _, portal in mine if family == self.spider.name and portal in self.queues]

    def _asked(self, question: Callable[[], T], otherwise: T) -> T:
        if self.run.lost is not None:
            return otherwise
        try:
            return question()
        except redis.RedisError as error:
            self.run.gone(error)
            return otherwise

    async def _beat(self) -> None:
        while self.run.lost is None:
            self._asked(self.run.beat, None)
            # An idle engine looks for work every five seconds only, and has no public way to be told of some.
            slot = getattr(self.crawler.engine, "_slot", None)
            if slot is not None and self._asked(lambda: len(self._waiting(8)), 0):
                slot.nextcall.schedule()
            await asyncio.sleep(0.5)


class SharedHandler(GatedHandler):
    """The host's gate, and before it the same gate over all workers."""

    def __init__(self, crawler: Any) -> None:
        super().__init__(crawler)
        self.run = current()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._told: defaultdict[str, int] = defaultdict(int)

    async def download_request(self, request: Request) -> Response:
        """Wait for the host's turn among all workers, then as `GatedHandler` does."""
        key = host_key(request.url)
        gate = gate_for(request.url, self._delay)
        names = [f"{P}host:{key}:lock", f"{P}host:{key}:pause"]
        async with self._turns[key]:
            try:
                token = await self._take(gate, key, names)
            except redis.RedisError as error:
                self.run.gone(error)
                raise Interrupted(f"the shared queue was lost before {key} was asked") from error
            keeping = asyncio.ensure_future(self._keep(names, token, gate))
            try:
                return await super().download_request(request)
            finally:
                keeping.cancel()
                rest = max(0, int((gate.free_at - monotonic()) * 1000))
                try:
                    self.run.give(keys=names, args=[token, rest])
                    self._share(gate, key)
                except redis.RedisError as error:
                    self.run.gone(error)

    async def _take(self, gate: Gate, key: str, names: list[str]) -> str:
        token = secrets.token_hex(8)
        while True:
            self._share(gate, key)
            self._check(gate)
            wait = int(self.run.take(keys=names, args=[token, self._lease(gate)]))
            if wait == 0:
                return token
            await asyncio.sleep(min(wait / 1000, 0.25))

    async def _keep(self, names: list[str], token: str, gate: Gate) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                self.run.keep(keys=names[:1], args=[token, self._lease(gate)])
            except redis.RedisError as error:
                self.run.gone(error)
                return

    def _share(self, gate: Gate, key: str) -> None:
        """Challenges are counted over all workers, and a host that one of them leaves alone is left by all."""
        fresh, self._told[key] = gate.challenges - self._told[key], gate.challenges
        total = self.run.redis.hincrby(P + "challenges", key, fresh)
        if gate.left_alone is None and total >= CHALLENGES_BEFORE_LEAVING:
            gate.left_alone = f"{total} challenges from {key}"
        if gate.left_alone is not None:
            self.run.redis.hsetnx(P + "left", key, gate.left_alone)
        elif left := self.run.redis.hget(P + "left", key):
            gate.left_alone = left.decode()

    def _lease(self, gate: Gate) -> int:
        return int((LEASE + gate.delay) * 1000)


_current: SharedRun | None = None


def join(url: str, session: Session, families: Iterable[str], known: Iterable[Path] = ()) -> SharedRun:
    """Become a worker of the run at `url`, once a process. PortalError (exit code 2) where Redis does not answer."""
    global _current
    _current = SharedRun(url, session, families, known)
    session.shared = _current
    return _current


def current() -> SharedRun:
    """The run that this process has joined."""
    if _current is None:
        raise RuntimeError("this process has joined no run; gongkai crawl --redis does")
    return _current


SETTINGS = {
    "SCHEDULER": "crawler.shared_queue.SharedScheduler",
    "DOWNLOAD_HANDLERS": DOWNLOAD_HANDLERS
    | {"http": "crawler.shared_queue.SharedHandler", "https": "crawler.shared_queue.SharedHandler"},
}
"""What differs from `crawler.settings`."""
