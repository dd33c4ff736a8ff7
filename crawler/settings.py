"""Scrapy's settings: politeness and limits, each with its reason.

Only what differs from Scrapy's own defaults stands here. A value that a test or a benchmark may change is read from
the environment (`GONGKAI_LOOPBACK_DELAY`, `GONGKAI_LOOPBACK_TIMEOUT`, for loopback hosts alone); nothing can make the
crawl of a real host faster.
"""

from __future__ import annotations

import os
from importlib import metadata

BOT_NAME = "gongkai"
SPIDER_MODULES = ["crawler.spiders"]
COMMANDS_MODULE = "crawler.commands"

# Who is asking, and whom to call: an operator who is disturbed must be able to say so.
CONTACT = " ".join(os.environ.get("GONGKAI_CONTACT", "").split())
VERSION = metadata.version("gongkai") if any(metadata.distributions(name="gongkai")) else "0.1.0"
USER_AGENT = f"gongkai/{VERSION} (archive of government disclosure reports; {CONTACT or 'loopback only'})"
ROBOTSTXT_USER_AGENT = "gongkai"

# One request at a time, starts at least a second apart: county portals often run on one small machine. The gate in
# `crawler.gate` keeps it over all families of the process; Scrapy's own slots only queue (`DOWNLOAD_DELAY` is its
# source, see `GatedHandler`). A random delay would fall below a second.
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0.0
CONCURRENT_REQUESTS_PER_DOMAIN = 1
# Parallel across hosts: requests that wait for their host count too, so this is well above the number of hosts in use.
CONCURRENT_REQUESTS = 256

# Scrapy starts as many tasks as this for every answer; one answer gives a page and a few requests.
CONCURRENT_ITEMS = 2
# It would read the source of a callback at every answer; ours are typed.
WARN_ON_GENERATOR_RETURN_VALUE = False

# Tens of thousands of pages may wait for their hosts.
SCHEDULER_MEMORY_QUEUE = "crawler.queues.PackedLifoMemoryQueue"

# Bytes of answers that wait to be kept and read, with a parsed tree each of ten times that: the disk sets the pace.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 1_000_000

# Old portals take a minute to answer; none has been seen to take three.
DOWNLOAD_TIMEOUT = 180
# The largest reports are scans of some 20 MB; beyond this lies a bomb or a film.
DOWNLOAD_MAXSIZE = 32 * 1024 * 1024
DOWNLOAD_WARNSIZE = 0
# A body shorter than its Content-Length is kept and recorded as failed (`crawler.outcomes`), not thrown away.
DOWNLOAD_FAIL_ON_DATALOSS = False
# A certificate that does not verify is a failure that someone must see; exceptions by host: `crawler.tls`.
DOWNLOAD_VERIFY_CERTIFICATES = True
# Nothing but the web: no file:, data:, ftp: or s3: whatever a page links to.
DOWNLOAD_HANDLERS = {
    "http": "crawler.gate.GatedHandler",
    "https": "crawler.gate.GatedHandler",
    "file": None,
    "data": None,
    "ftp": None,
    "s3": None,
}

# IPv6 as well, and every address checked where it is used.
TWISTED_DNS_RESOLVER = "crawler.resolver.PublicAddresses"

RETRY_TIMES = 2  # after the first: three tries in all
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 522, 524]  # 521 and 412 are challenges and are not tried again
RETRY_GIVE_UP_LOG_LEVEL = "INFO"  # it becomes a capture; the log need not say it twice
REDIRECT_MAX_TIMES = 10
METAREFRESH_ENABLED = False  # challenges reload themselves so
COOKIES_ENABLED = True  # sticky sessions, and the 302 to itself that only wants its cookie back
HTTPERROR_ALLOW_ALL = True  # every answer becomes a capture
ROBOTSTXT_OBEY = True

DOWNLOADER_MIDDLEWARES = {
    # Scrapy's own robots middleware allows when robots.txt cannot be had; ours refuses.
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": None,  # the evidence is the host's own answer
    "crawler.middlewares.AddressGuard": 100,
    "crawler.middlewares.Robots": 110,
    "crawler.middlewares.ShortBody": 560,
}
ITEM_PIPELINES = {"crawler.pipelines.ArchivePipeline": 100}

# Listening sockets that run code have no place in a cron job. To be named None, an extension is imported all the same
# (RemoteControl brings a web server of 10 MB): these two are all there are.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
EXTENSIONS_BASE = {"scrapy.extensions.corestats.CoreStats": 0, "scrapy.extensions.logstats.LogStats": 0}

TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
LOG_LEVEL = "INFO"
