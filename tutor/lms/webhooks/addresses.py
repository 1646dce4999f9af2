"""Where webhooks may go: to public addresses, so that nobody reaches through us into the network that we stand in.

A name is resolved once, its addresses are judged, and the connection goes to what was judged: a name that answers
differently a moment later (DNS rebinding) gains nothing. `WEBHOOK_ALLOWED_HOSTS` names the exceptions.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

MAX_LENGTH: Final = 1000
#: IPv4 addresses stand in the last 32 bits of these (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_PORTS: Final = {"https": 443, "http": 80}


class Refused(ValueError):
    """An address that webhooks may not go to; the message is for whoever gave it."""


@dataclass(frozen=True)
class Target:
    """An address as given, taken apart. `host` in lower case, IPv6 without brackets."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str) -> Target:
    """Raises:
    Refused: if it is no address of a receiver.
    """
    if not _PRINTABLE.fullmatch(url) or len(url) > MAX_LENGTH:
        raise Refused(f"an address has 1 to {MAX_LENGTH} printable ASCII characters: percent-encode the others")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"{url!r} is no address: {error}") from error
    if parts.scheme not in _PORTS or not host:
        raise Refused(f"{url!r} is no address of a receiver: write one like https://lms.example.org/hooks")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("leave out user, password and fragment: the signature says who speaks")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


def resolve(target: Target) -> list[str]:
    """Every address of the host, all of them allowed. Asks the resolver, which may take seconds.

    Raises:
        Refused: if the name has no address, or one that is not public.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(f"{target.host!r} has no address: {error}") from error
    return judge(target, [str(entry[4][0]) for entry in found])


def judge(target: Target, addresses: Sequence[str]) -> list[str]:
    """The addresses, without repetitions.

    Raises:
        Refused: if any is not allowed.
    """
    allowed = frozenset(settings.WEBHOOK_ALLOWED_HOSTS)
    by_name = target.host in allowed
    for address in addresses:
        if not (by_name or _is_listed(ip_address(address.partition("%")[0]), allowed)):
            _require_public(target, address)
    return list(dict.fromkeys(addresses))


def _require_public(target: Target, address: str) -> None:
    way_out = "an operator may allow it (TRELLIS_WEBHOOK_ALLOWED_HOSTS)"
    if not all(each.is_global and not each.is_multicast for each in _meant(address)):
        raise Refused(f"{target.host!r} is at {address}, which is not public: use a public host, or {way_out}")
    if target.scheme != "https":
        raise Refused(f"{target.host!r} is to be reached by http: use an https address, or {way_out}")


def _meant(address: str) -> Iterator[Address]:
    """The address, and those that it carries: gateways would translate them."""
    ip = ip_address(address.partition("%")[0])
    yield ip
    if isinstance(ip, IPv6Address):
        carried = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            carried.append(IPv4Address(int(ip) & 0xFFFFFFFF))
        yield from (each for each in carried if each is not None)


def _is_listed(ip: Address, allowed: frozenset[str]) -> bool:
    return any(ip in ip_network(each, strict=False) for each in allowed if _is_network(each))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
