"""Which machines are connected to, and over what TLS: names that lead inside, names that change, old portals."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Crawls
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from scrapy.core.downloader.contextfactory import _get_creator_context
from twisted.internet.address import IPv4Address

from crawler import middlewares, resolver, tls
from crawler.middlewares import Refused, check_address
from crawler.portals import Portal
from crawler.replica.hanweb_jcms import COLUMN_PATH, HanwebJcmsSite
from crawler.replica.site import Answer
from crawler.resolver import PublicAddresses, is_public

PORTAL = Portal("k", "n", "330803", "hanweb-jcms", "http://127.0.0.1:8901/col/col1/index.html")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("::ffff:8.8.8.8", True),
        ("2400:3200::1", True),
        ("8.8.8.8", True),
    ],
)
def test_what_is_a_public_address(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("addresses", "refused"),
    [
        (["10.1.2.3"], "10.1.2.3"),
        (["8.8.8.8", "::1"], "::1"),
        (["2400:3200::1", "8.8.8.8"], None),
        ([], None),
    ],
)
def test_an_official_name_must_have_public_addresses_only(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], refused: str | None
) -> None:
    async def resolve(host: str) -> list[str]:
        assert host == "www.x.gov.cn"
        return addresses

    monkeypatch.setattr(middlewares, "addresses_of", resolve)
    if refused:
        with pytest.raises(Refused, match=f"www.x.gov.cn resolves to {refused}, which is not a public address"):
            asyncio.run(check_address("http://www.x.gov.cn/", PORTAL))
    else:
        asyncio.run(check_address("http://www.x.gov.cn/", PORTAL))


class Delivered:
    """What a connection gets to know of a name."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.complete = False

    def resolutionBegan(self, resolution: Any) -> None:
        pass

    def addressResolved(self, address: Any) -> None:
        self.hosts.append(address.host)

    def resolutionComplete(self) -> None:
        self.complete = True


def test_a_name_that_changes_its_address_is_not_followed_inside() -> None:
    answers = [["8.8.8.8"], ["127.0.0.1", "9.9.9.9"], ["127.0.0.1"]]

    class Fickle:
        def resolveHostName(self, receiver: Any, *_: Any, **__: Any) -> None:
            receiver.resolutionBegan(None)
            for host in answers.pop(0):
                receiver.addressResolved(IPv4Address("TCP", host, 0))
            receiver.resolutionComplete()

    class Reactor:
        nameResolver = Fickle()

    def connecting(name: str, port: int) -> list[str]:
        delivered: Any = Delivered()
        names.resolveHostName(delivered, name, port)
        assert delivered.complete
        return list(delivered.hosts)

    reactor: Any = Reactor()
    names = PublicAddresses(reactor, 1000)
    assert connecting("fickle.gov.cn", 80) == ["8.8.8.8"]
    assert connecting("fickle.gov.cn", 80) == ["8.8.8.8"], "what was checked is kept"
    names = PublicAddresses(reactor, 0)
    assert connecting("fickle2.gov.cn", 80) == ["9.9.9.9"], "and where it is not, what is inside is held back"
    resolver.trust("own.example", 8901)
    answers.append(["127.0.0.1"])
    assert connecting("own2.example", 8901) == []
    assert connecting("own.example", 8901) == ["127.0.0.1"]


INSIDE = """
import socket
real = socket.getaddrinfo
def getaddrinfo(host, *arguments, **more):
    if isinstance(host, str) and host.endswith(".gov.cn"):
        host = {"six.gov.cn": "::1"}.get(host, "127.0.0.1")
    return real(host, *arguments, **more)
socket.getaddrinfo = getaddrinfo
"""


def test_official_names_that_lead_inside_are_refused_on_every_hop(small: Crawls, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INSIDE)
    paths, port = list(small.site.made), small.site.port
    small.site.faults.append(
        lambda query: {
            paths[0]: Answer(status=302, headers=(("Location", f"http://inside.gov.cn:{port}/secret"),)),
            paths[1]: Answer(status=301, headers=(("Location", f"http://six.gov.cn:{port}/secret"),)),
            paths[2]: Answer(status=302, headers=(("Location", f"http://[::1]:{port}/secret"),)),
        }.get(query.path)
    )
    done = subprocess.run(
        small.command(), cwd=ROOT, env=small.environment() | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert small.site.asked("/secret") == []
    notes = dict(small.rows("SELECT url, note FROM capture WHERE outcome = 'refused' AND kind = 'report'"))
    assert "inside.gov.cn resolves to 127.0.0.1, which is not a public address" in notes[small.site.url + paths[0]]
    assert "six.gov.cn resolves to ::1" in notes[small.site.url + paths[1]]
    assert "::1 is neither" in notes[small.site.url + paths[2]]


def certificate(folder: Path, bits: int) -> tuple[Path, Path]:
    """A root of its own, and a certificate for 127.0.0.1 with a key of `bits`, as one file with its key."""
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    def signed(name: str, key: Any, issuer: str, signer: Any, *extensions: Any) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + datetime.timedelta(days=9))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root_key = rsa.generate_private_key(65537, 2048)
    key = rsa.generate_private_key(65537, bits)
    root = signed("root", root_key, "root", root_key, x509.BasicConstraints(ca=True, path_length=None))
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = signed("portal", key, "root", root_key, x509.SubjectAlternativeName([address]))
    trusted, served = folder / "root.pem", folder / "portal.pem"
    trusted.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    served.write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    return trusted, served


def over_tls(crawls: Crawls, bits: int) -> Path:
    """Serve a replica over TLS; the root that its certificate hangs on."""
    trusted, served = certificate(crawls.folder, bits)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(served)
    server: Any = crawls.site._server
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # clients that do not like the certificate go away
    crawls.describe(url=f'"https://127.0.0.1:{crawls.site.port}{COLUMN_PATH}"')
    return trusted


def crawl_one(crawls: Crawls, name: str, **environment: str) -> tuple[int, dict[str, str]]:
    """Crawl into an archive of its own; the exit code, and the notes of robots.txt and a page by outcome."""
    crawls.db = crawls.folder / f"{name}.db"
    done = subprocess.run(
        crawls.command("--limit", "1"), cwd=ROOT, env=crawls.environment() | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    rows = crawls.rows("SELECT outcome, note FROM capture WHERE kind IN ('robots', 'report')")
    return done.returncode, dict(rows)


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Crawls]:
    """A replica that listens and does not serve yet."""
    site = HanwebJcmsSite(years=(2022,))
    yield Crawls(site, tmp_path)
    site.stop()


def test_a_certificate_must_hang_on_a_known_root(still: Crawls) -> None:
    trusted = over_tls(still, 2048)
    still.site.start()
    code, notes = crawl_one(still, "unknown")
    assert code == 3 and list(notes) == ["failed"] and "certificate verify failed" in notes["failed"]
    code, notes = crawl_one(still, "known", SSL_CERT_FILE=str(trusted))
    assert "new" in notes and notes["new"] is None


def test_an_exception_for_old_tls_is_recorded(still: Crawls) -> None:
    file, known = still.folder / "tls.toml", {"SSL_CERT_FILE": str(over_tls(still, 1024))}
    name = f"127.0.0.1:{still.site.port}"
    still.site.start()
    code, notes = crawl_one(still, "none", **known)
    assert code == 3 and "new" not in notes, "its key is too short"
    file.write_text(f'["{name}"]\nreason = "2026-01-18: a key of 1024 bits"\nciphers = "DEFAULT:@SECLEVEL=1"\n')
    code, notes = crawl_one(still, "named", GONGKAI_TLS=str(file), **known)
    assert notes.get("new") == "TLS relaxed: 2026-01-18: a key of 1024 bits", notes
    code, notes = crawl_one(still, "still checked", GONGKAI_TLS=str(file))
    assert code == 3 and "new" not in notes
    file.write_text(f'["{name}"]\nreason = "expired"\nciphers = "DEFAULT:@SECLEVEL=1"\ncertificate = "unchecked"\n')
    code, notes = crawl_one(still, "unchecked", GONGKAI_TLS=str(file))
    assert notes.get("new") == "TLS relaxed: expired"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a.gov.cn"]\nciphers = "DEFAULT"\n', "lacks its reason"),
        ('["a.gov.cn"]\nreason = "x"\ncipher = "DEFAULT"\n', "unknown setting cipher"),
        ('["a.gov.cn"]\nreason = "x"\nciphers = "NOSUCH"\n', "OpenSSL knows none of NOSUCH"),
        ('["a.gov.cn"]\nreason = "x"\noldest = "SSLv3"\n', "oldest is one of TLSv1.0"),
        ('["a.gov.cn"]\nreason = "x"\ncertificate = "old"\n', 'certificate is "unchecked" or not there'),
        ("reason = 1\n", "is not a table"),
        ("[", "cannot be used"),
    ],
)
def test_a_file_of_exceptions_is_checked(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "tls.toml"
    file.write_text(text)
    with pytest.raises(tls.TLSError, match=words):
        tls.load(file)


def test_a_faulty_file_of_exceptions_is_said_before_anything_is_asked(small: Crawls, tmp_path: Path) -> None:
    (tmp_path / "tls.toml").write_text("[")
    done = subprocess.run(
        small.command(), cwd=ROOT, env=small.environment() | {"GONGKAI_TLS": str(tmp_path / "tls.toml")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "cannot be used" in done.stderr and "Traceback" not in done.stderr
    assert small.site.log == [] and not small.db.exists()


def test_the_shipped_exceptions_are_in_order() -> None:
    assert all(exception.reason for exception in tls.load(tls.SHIPPED).values())


def test_an_exception_relaxes_only_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(os.environ, "GONGKAI_TLS", raising=False)
    asked: list[tuple[bytes, int]] = []

    class Default:
        def creatorForNetloc(self, host: bytes, port: int) -> str:
            asked.append((host, port))
            return "default"

    old = tls.TLSException("old", "DEFAULT:@SECLEVEL=0", tls._VERSIONS["TLSv1.0"], True, True)
    policy = tls.HostTLS(Default(), {"old.gov.cn": old, "b.gov.cn:8443": old})
    assert policy.creatorForNetloc(b"new.gov.cn", 443) == "default"
    assert policy.creatorForNetloc(b"b.gov.cn", 443) == "default"
    context = _get_creator_context(policy.creatorForNetloc(b"old.gov.cn", 443))
    assert context.set_options(0) & tls._LEGACY_SERVER_CONNECT
    named = _get_creator_context(tls.HostTLS(None, {"a": old._replace(legacy=False)}).creatorForNetloc(b"a", 443))
    assert not named.set_options(0) & tls._LEGACY_SERVER_CONNECT
    assert policy.exception("b.gov.cn", 8443) is old
    assert asked == [(b"new.gov.cn", 443), (b"b.gov.cn", 443)]
