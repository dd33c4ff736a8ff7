"""TLS by host: certificates are checked, and what is relaxed for a host stands in `tls.toml` with its reason.

Some portals speak TLS that OpenSSL 3 refuses: small DH keys, no secure renegotiation (RFC 5746), TLS 1.0, expired
certificates. A permissive context hangs on some modern hosts, so none is tried but for a host that is named.
`GONGKAI_TLS` names a further file of the same kind.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from OpenSSL import SSL
from scrapy.core.downloader.contextfactory import _get_creator_context, _ScrapyClientContextFactory
from twisted.internet.ssl import TLSVersion
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from crawler.portals import PortalError

SHIPPED = Path(__file__).parent / "tls.toml"
_VERSIONS = {"TLSv1.0": TLSVersion.TLSv1_0, "TLSv1.1": TLSVersion.TLSv1_1, "TLSv1.2": TLSVersion.TLSv1_2}
_LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, openssl/ssl.h


class TLSError(PortalError):
    """A file of TLS exceptions that cannot be used; the message names file, host and setting."""


class TLSException(NamedTuple):
    """What is relaxed for one host, and why."""

    reason: str
    ciphers: str | None
    oldest: TLSVersion | None
    legacy: bool
    checked: bool


def load(path: Path) -> dict[str, TLSException]:
    """The exceptions of a file by host, `name` or `name:port`. Raises TLSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TLSError(f"{path}: cannot be used: {error}") from error
    return {host.lower(): _exception(path, host, table) for host, table in tables.items()}


def _exception(path: Path, host: str, table: Any) -> TLSException:
    if not isinstance(table, dict):
        raise TLSError(f"{path}: {host} is not a table")
    for name in table:
        if name not in ("reason", "ciphers", "oldest", "legacy", "certificate"):
            raise TLSError(f"{path}: [{host}] has an unknown setting {name}")
    reason = table.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise TLSError(f"{path}: [{host}] lacks its reason")
    if table.get("oldest", "TLSv1.2") not in _VERSIONS:
        raise TLSError(f"{path}: [{host}] oldest is one of {', '.join(_VERSIONS)}")
    if table.get("certificate", "unchecked") != "unchecked":
        raise TLSError(f'{path}: [{host}] certificate is "unchecked" or not there')
    try:
        SSL.Context(SSL.TLS_METHOD).set_cipher_list(str(table.get("ciphers", "DEFAULT")).encode())
    except SSL.Error as error:
        raise TLSError(f"{path}: [{host}] ciphers: OpenSSL knows none of {table['ciphers']}") from error
    return TLSException(
        reason=reason.strip(),
        ciphers=table.get("ciphers"),
        oldest=_VERSIONS[table["oldest"]] if "oldest" in table else None,
        legacy=bool(table.get("legacy", False)),
        checked="certificate" not in table,
    )


@implementer(IPolicyForHTTPS)
class HostTLS:
    """Twisted's policy: `default` for all hosts but those with an exception."""

    def __init__(self, default: Any, exceptions: dict[str, TLSException]) -> None:
        self.default = default
        self.exceptions = exceptions

    @classmethod
    def from_files(cls, default: Any) -> HostTLS:
        """With the shipped exceptions and those of the file that `GONGKAI_TLS` names. Raises TLSError."""
        further = os.environ.get("GONGKAI_TLS")
        return cls(default, load(SHIPPED) | (load(Path(further)) if further else {}))

    def exception(self, host: str, port: int) -> TLSException | None:
        """What is relaxed for a host, None for nearly all."""
        return self.exceptions.get(f"{host}:{port}") or self.exceptions.get(host)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """Twisted's way in (IPolicyForHTTPS)."""
        exception = self.exception(hostname.decode("ascii").lower(), port)
        if exception is None:
            return self.default.creatorForNetloc(hostname, port)
        creator = _ScrapyClientContextFactory(
            tls_min_version=exception.oldest, verify_certificates=exception.checked
        ).creatorForNetloc(hostname, port)
        context = _get_creator_context(creator)
        if exception.ciphers is not None:
            context.set_cipher_list(exception.ciphers.encode())  # Twisted's own way drops @SECLEVEL
        if exception.legacy:
            context.set_options(_LEGACY_SERVER_CONNECT)
        return creator
