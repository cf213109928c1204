"""Addresses, interfaces and routes."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Iterator, Sequence

from reseal.answerfile.components import DNS, NETBT, TCPIP
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, list_around, repeated, rule
from reseal.answerfile.secrets import shown
from reseal.mark import Mark

#: The order in which settings must stand (documented: UnicastIpAddresses; Prefix).
INTERFACE_ORDER = ("Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes")
ROUTE_ORDER = ("Identifier", "Metric", "NextHopAddress", "Prefix")

#: What stands between an address and its netmask, where people write no slash alone.
_BETWEEN = re.compile(r"\s*[/\\,]\s*|\s+")
_SHORT_PREFIX = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}/\d{1,2}")


def _is_address(text: str, *, prefix: bool = False) -> bool:
    """Whether a text is an address, with the length of a prefix or without."""
    try:
        if prefix:
            address, slash, length = text.partition("/")
            ipaddress.ip_interface(text)
            return slash == "/" and length.isdecimal() and bool(address)
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@rule(
    "ip-address",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UnicastIpAddresses, DNSServerSearchOrder",
)
def ip_address(context: Context) -> Iterator[Problem]:
    """An address is one of IPv4 or IPv6, that of an interface with the length of its prefix."""
    places = (
        (TCPIP, "Interfaces/Interface/UnicastIpAddresses/IpAddress", True),
        (TCPIP, "Interfaces/Interface/Routes/Route/NextHopAddress", False),
        (DNS, "Interfaces/Interface/DNSServerSearchOrder/IpAddress", False),
    )
    for component, path, prefix in places:
        for setting in context.values_at(component, path):
            if not _is_address(setting.text, prefix=prefix):
                yield Problem.of_value(
                    setting,
                    "it is an address of IPv4 or IPv6" + (" with its prefix" if prefix else ""),
                    (prefix and _with_length(setting.text))
                    or "write for example " + ("192.0.2.10/24" if prefix else "192.0.2.1"),
                )


def _with_length(text: str) -> str:
    """Say how an address with a netmask, or without anything, is written; empty where it is none."""
    text = _BETWEEN.sub("/", text.strip())
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        return ""
    if "/" in text:
        return f"write {interface.with_prefixlen}"
    if interface.ip.is_unspecified:
        return f"write {interface.ip}/0 for the default route"
    usual = 24 if interface.version == 4 else 64
    return f"write the length of its prefix too, such as {interface.ip}/{usual}"


@rule(
    "route-prefix",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Prefix",
)
def route_prefix(context: Context) -> Iterator[Problem]:
    """The prefix of a route is a number of bits, or an address with one."""
    for setting in context.values_at(TCPIP, "Interfaces/Interface/Routes/Route/Prefix"):
        text = setting.text
        if text.isdecimal() and int(text[:4]) <= 128:
            continue
        if _SHORT_PREFIX.fullmatch(text) or _is_address(text, prefix=True):
            continue
        yield Problem.of_value(
            setting,
            "it is a number of bits or an address with one",
            _with_length(text) or "write for example 0.0.0.0/0 for the default route",
        )


@rule(
    "interface-order",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UnicastIpAddresses (Note) and Prefix",
)
def interface_order(context: Context) -> Iterator[Problem]:
    """The settings of an interface and of a route are in the order of the reference."""
    places: tuple[tuple[str, Sequence[str]], ...] = (
        ("Interfaces/Interface", INTERFACE_ORDER),
        ("Interfaces/Interface/Routes/Route", ROUTE_ORDER),
    )
    for path, order in places:
        for item in context.at(TCPIP, path):
            known = [child for child in item.children if child.name in order]
            for before, after in itertools.pairwise(known):
                if order.index(before.name) > order.index(after.name):
                    yield Problem(
                        after.position,
                        f"{after.name} comes after {before.name}",
                        "the reference requires an order here",
                        f"write them in the order {', '.join(order)}",
                    )
                    break


#: A MAC address in the forms of other systems; Windows has hyphens.
_MAC = re.compile(
    r"(?i)(?:[0-9A-F]{2}[:. _\u2010-\u2014]){5}[0-9A-F]{2}|[0-9A-F]{12}"
    r"|(?:[0-9A-F]{4}[.:-]){2}[0-9A-F]{4}"
)
#: What has the form of a MAC address, and too few or too many pairs or digits.
_ALMOST_MAC = re.compile(r"(?i)(?:[0-9A-F]{1,2}[:-]){4,7}[0-9A-F]{1,2}")
_REAL_MAC = re.compile(r"(?i)(?:[0-9A-F]{2}-){5}[0-9A-F]{2}")
_INTERFACE = "Interfaces/Interface"


@rule(
    "mac-form",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Interface Identifier: 00-11-22-33-44-55",
)
def mac_form(context: Context) -> Iterator[Problem]:
    """An interface is named by its name, or by its MAC address with hyphens."""
    for component in (TCPIP, DNS, NETBT):
        for setting in context.values_at(component, f"{_INTERFACE}/Identifier"):
            if _MAC.fullmatch(setting.text):
                digits = re.sub(r"[^0-9A-Fa-f]", "", setting.text).upper()
                pairs = "-".join(digits[n : n + 2] for n in range(0, 12, 2))
                yield Problem.of_value(
                    setting,
                    "Windows finds no interface by a MAC address of this form",
                    f"write {pairs}",
                )
            elif _ALMOST_MAC.fullmatch(setting.text) and not _REAL_MAC.fullmatch(setting.text):
                yield Problem.of_value(
                    setting,
                    "a MAC address has six pairs of hexadecimal digits",
                    "write it as 00-11-22-33-44-55, or the name of the interface",
                )


@rule(
    "interface-identifier",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Interface Identifier",
)
def interface_identifier(context: Context) -> Iterator[Problem]:
    """An interface has an Identifier."""
    for component in (TCPIP, DNS, NETBT):
        for item in context.at(component, _INTERFACE):
            if item.children and not item.text_of("Identifier"):
                yield Problem(
                    item.position,
                    "this Interface has no Identifier",
                    "Windows does not know which interface it is",
                    "add <Identifier> with its name, such as Ethernet, or its MAC address",
                )


@rule(
    "duplicate-interface",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="an interface is found by its Identifier, so that one description may replace the other",
)
def duplicate_interface(context: Context) -> Iterator[Problem]:
    """An interface is described once."""
    for component in (TCPIP, DNS, NETBT):
        names = context.values_at(component, f"{_INTERFACE}/Identifier")
        for name, first in repeated(names, lambda name: (name.component, name.text.casefold())):
            yield Problem(
                name.value_position,
                f"the interface {shown(name)} is described a second time",
                f"it is described on line {first.position.line} already, and one may replace "
                "the other",
                "put all its settings into one <Interface>",
            )


@rule(
    "dhcp-left-on",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Ipv4Settings DhcpEnabled: true is the default",
)
def dhcp_left_on(context: Context) -> Iterator[Problem]:
    """An interface with a fixed address has DHCP turned off."""
    for item in context.at(TCPIP, _INTERFACE):
        if not any(network.version == 4 for network in _networks(item)):
            continue
        switch = item.child("Ipv4Settings/DhcpEnabled")
        if switch is None or switch.text.casefold() == "true":
            yield Problem(
                switch.value_position if switch is not None else item.position,
                "this interface has a fixed address, and DHCP is on",
                "true is the default of DhcpEnabled, and the address of DHCP may win",
                "write <Ipv4Settings><DhcpEnabled>false</DhcpEnabled></Ipv4Settings> before "
                "<Identifier>",
            )


@rule(
    "gateway-outside",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="Windows sends nothing to a gateway that it can't reach directly",
)
def gateway_outside(context: Context) -> Iterator[Problem]:
    """A gateway is in the network of an address of its interface."""
    for item in context.at(TCPIP, _INTERFACE):
        networks = list(_networks(item))
        routes = item.child("Routes")
        for route in routes.children if routes else ():
            hop = route.child("NextHopAddress")
            if hop is None or not _is_address(hop.text):
                continue
            address = ipaddress.ip_address(hop.text)
            own = [network for network in networks if network.version == address.version]
            if own and not address.is_link_local and not any(address in one for one in own):
                yield Problem(
                    hop.value_position,
                    f"the gateway {shown(hop)} is outside of {', '.join(map(str, own[:4]))}",
                    "the interface has no address in its network",
                    "check the address, the length of its prefix, and the gateway",
                )


@rule(
    "route-identifier",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Route Identifier: it is unique",
)
def route_identifier(context: Context) -> Iterator[Problem]:
    """The routes of an interface have identifiers of their own."""
    names = context.values_at(TCPIP, f"{_INTERFACE}/Routes/Route/Identifier")
    for name, first in repeated(names, lambda name: (list_around(name), name.text)):
        yield Problem(
            name.value_position,
            f"another route of this interface has the Identifier {shown(name)}",
            f"it is on line {first.position.line}, and one may replace the other",
            "number the routes 0, 1, 2",
        )


def _networks(item: Setting) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    addresses = item.child("UnicastIpAddresses")
    for address in addresses.children if addresses else ():
        if _is_address(address.text, prefix=True):
            yield ipaddress.ip_interface(address.text).network
