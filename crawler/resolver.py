"""Names to addresses, IPv4 and IPv6, for connections and for the address guard alike.

What is connected to is what was checked: Scrapy's resolver keeps a name's addresses for the crawl, and each delivery
to a connection is checked again, so a name that changes its address in between (rebinding), or a cache that has lost
it, gains nothing. Private, loopback, link-local, metadata and multicast addresses are given out for none but the
portals' own hosts, and IPv6 forms that carry an IPv4 address (mapped, 6to4, Teredo, NAT64) are as private as that is.
"""

from __future__ import annotations

import ipaddress
from asyncio import Future, get_running_loop
from collections.abc import Sequence
from typing import Any

from scrapy.resolver import CachingHostnameResolver
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_trusted: set[tuple[str, int]] = set()


def trust(host: str, port: int) -> None:
    """Let connections to a portal's own host and port go wherever its name leads."""
    _trusted.add((host, port))


def is_public(address: str) -> bool:
    """Whether an address is one on the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


async def addresses_of(host: str) -> list[str]:
    """All addresses of a name, or the literal address itself; none where it has none."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    from twisted.internet import reactor

    everything = _Everything(get_running_loop().create_future())
    core: Any = reactor
    core.nameResolver.resolveHostName(everything, host)
    return await everything.found


class PublicAddresses(CachingHostnameResolver):
    """Scrapy's caching resolver, with each address checked when it is given to a connection."""

    def install_on_reactor(self) -> None:
        """Once a process: the crawlers of the families share one."""
        reactor: Any = self.reactor
        if not isinstance(reactor.nameResolver, PublicAddresses):
            super().install_on_reactor()

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Twisted's way in (IHostnameResolver)."""
        receiver: Any = resolutionReceiver
        if not isinstance(receiver, _Everything) and (hostName.lower().rstrip("."), portNumber) not in _trusted:
            receiver = _Checked(receiver)
        return super().resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


@implementer(IResolutionReceiver)
class _Checked:
    """Gives on what is public; a connection to a name without such an address fails as one to an unknown name."""

    def __init__(self, receiver: Any) -> None:
        self.receiver = receiver

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        self.receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Any) -> None:
        if is_public(address.host):
            self.receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self.receiver.resolutionComplete()


@implementer(IResolutionReceiver)
class _Everything:
    """Collects all addresses of a name, for the guard's own judgement."""

    def __init__(self, found: Future[list[str]]) -> None:
        self.found = found
        self.addresses: list[str] = []

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        """Nothing to do: it cannot be cancelled."""

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(str(address.host))

    def resolutionComplete(self) -> None:
        if not self.found.done():
            self.found.set_result(list(dict.fromkeys(self.addresses)))
