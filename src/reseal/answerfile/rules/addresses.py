"""Addresses that no interface can have, and gateways that lead nowhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from reseal.answerfile.components import DNS, TCPIP
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import shown
from reseal.mark import Mark

_INTERFACE = "Interfaces/Interface"
_ADDRESSES = f"{_INTERFACE}/UnicastIpAddresses/IpAddress"
#: From this length on, a network of IPv4 has no address of its own and none for broadcasts (RFC 3021).
_NO_BROADCAST = 31


def _interface(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    try:
        return ipaddress.ip_interface(text) if "/" in text else None
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@rule(
    "network-address",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="RFC 1122, 3.2.1.3: the host number is neither all zeros nor all ones",
)
def network_address(context: Context) -> Iterator[Problem]:
    """An interface has an address of a host, not that of its network or for broadcasts."""
    for setting in context.values_at(TCPIP, _ADDRESSES):
        own = _interface(setting.text)
        if own is None or own.version != 4 or own.network.prefixlen >= _NO_BROADCAST:
            continue
        kinds = {own.network.network_address: "network", own.network.broadcast_address: "broadcast"}
        kind = kinds.get(own.ip)
        if kind:
            yield Problem(
                setting.value_position,
                f"{shown(setting)} is the {kind} address of {own.network}",
                "no interface can have it",
                f"write one from {own.network[1]} to {own.network[-2]}",
            )


@rule(
    "gateway-own",
    Level.ERROR,
    mark=Mark.INFERRED,
    source="a gateway forwards what the machine can't deliver itself, so it is another machine",
)
def gateway_own(context: Context) -> Iterator[Problem]:
    """A gateway is another machine."""
    for item in context.at(TCPIP, _INTERFACE):
        own = {
            found.ip
            for one in _children(item, "UnicastIpAddresses")
            if (found := _interface(one.text))
        }
        for route in _children(item, "Routes"):
            hop = route.child("NextHopAddress")
            if hop is not None and _address(hop.text) in own:
                yield Problem(
                    hop.value_position,
                    f"the gateway {shown(hop)} is the address of the interface itself",
                    "nothing leaves the machine over it",
                    "write the address of the router",
                )


@rule(
    "route-families",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Prefix and NextHopAddress: a route is of IPv4 or of IPv6",
)
def route_families(context: Context) -> Iterator[Problem]:
    """The prefix of a route and its gateway are both of IPv4 or both of IPv6."""
    for route in context.at(TCPIP, f"{_INTERFACE}/Routes/Route"):
        hop, prefix = route.child("NextHopAddress"), route.child("Prefix")
        if hop is None or prefix is None:
            continue
        gateway, network = _address(hop.text), _interface(prefix.text)
        if gateway is not None and network is not None and gateway.version != network.version:
            yield Problem(
                hop.value_position,
                f"the gateway is of IPv{gateway.version} and the Prefix of IPv{network.version}",
                "a route is of one of them",
                f"write a gateway of IPv{network.version}, or another Prefix",
            )


@rule(
    "dns-empty",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="an empty entry names no server; what Windows makes of it is not known",
)
def dns_empty(context: Context) -> Iterator[Problem]:
    """An entry in the list of DNS servers names one."""
    for setting in context.at(DNS, f"{_INTERFACE}/DNSServerSearchOrder/IpAddress"):
        if not setting.text and not setting.children:
            yield Problem(
                setting.position,
                "this entry of DNSServerSearchOrder is empty",
                "it names no server",
                "write an address, or delete the entry",
            )


def _children(item: Setting, name: str) -> tuple[Setting, ...]:
    found = item.child(name)
    return found.children if found is not None else ()
