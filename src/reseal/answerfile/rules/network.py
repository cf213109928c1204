"""Addresses, interfaces, joining a domain."""

from __future__ import annotations

import binascii
import ipaddress
import itertools
import re
from base64 import b64decode
from typing import TYPE_CHECKING

from reseal.answerfile.components import DNS, JOIN, TCPIP
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The order in which settings must stand (documented: UnicastIpAddresses; Prefix).
INTERFACE_ORDER = ("Ipv4Settings", "Ipv6Settings", "Identifier", "UnicastIpAddresses", "Routes")
ROUTE_ORDER = ("Identifier", "Metric", "NextHopAddress", "Prefix")

_SHORT_PREFIX = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}/\d{1,2}")


def _is_address(text: str, *, prefix: bool = False) -> bool:
    try:
        if prefix:
            ipaddress.ip_interface(text)
        else:
            ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@rule("ip-address", Level.ERROR)
def ip_address(context: Context) -> Iterator[Problem]:
    """An address is one of IPv4 or IPv6, that of an interface with the length of its prefix.

    Documented: Unattended Windows Setup Reference, UnicastIpAddresses, DNSServerSearchOrder.
    """
    places = (
        (TCPIP, "Interfaces/Interface/UnicastIpAddresses/IpAddress", True),
        (TCPIP, "Interfaces/Interface/Routes/Route/NextHopAddress", False),
        (DNS, "Interfaces/Interface/DNSServerSearchOrder/IpAddress", False),
    )
    for component, path, prefix in places:
        for setting in context.values_at(component, path):
            if not _is_address(setting.text, prefix=prefix):
                yield Problem(
                    setting.value_position,
                    f"{setting.name} is {shown(setting)}",
                    "it is an address of IPv4 or IPv6" + (" with its prefix" if prefix else ""),
                    "write for example " + ("192.0.2.10/24" if prefix else "192.0.2.1"),
                )


@rule("route-prefix", Level.ERROR)
def route_prefix(context: Context) -> Iterator[Problem]:
    """The prefix of a route is a number of bits, or an address with one.

    Documented: Unattended Windows Setup Reference, Prefix.
    """
    for setting in context.values_at(TCPIP, "Interfaces/Interface/Routes/Route/Prefix"):
        text = setting.text
        if text.isdecimal() and int(text[:4]) <= 128:
            continue
        if _SHORT_PREFIX.fullmatch(text) or ("/" in text and _is_address(text, prefix=True)):
            continue
        yield Problem(
            setting.value_position,
            f"Prefix is {shown(setting)}",
            "it is a number of bits or an address with one",
            "write for example 0.0.0.0/0 for the default route",
        )


@rule("interface-order", Level.WARNING)
def interface_order(context: Context) -> Iterator[Problem]:
    """The settings of an interface and of a route stand in the order of the reference.

    Documented: Unattended Windows Setup Reference, UnicastIpAddresses (Note) and Prefix.
    """
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
                        f"{after.name} stands behind {before.name}",
                        "the reference demands an order here",
                        f"write them in the order {', '.join(order)}",
                    )
                    break


@rule("join-both", Level.ERROR)
def join_both(context: Context) -> Iterator[Problem]:
    """A machine joins a domain or a workgroup.

    Documented: Unattended Windows Setup Reference, UnattendedJoin Identification.
    """
    for join in context.at(JOIN, "Identification"):
        workgroup = join.child("JoinWorkgroup")
        if workgroup is not None and join.text_of("JoinDomain"):
            yield Problem(
                workgroup.position,
                "the machine is to join a domain and a workgroup",
                "with JoinDomain the workgroup is ignored, and with JoinWorkgroup the domain "
                "must not be set",
                "delete one of the two",
            )


@rule("join-credentials", Level.WARNING)
def join_credentials(context: Context) -> Iterator[Problem]:
    """Joining a domain needs credentials, a provisioned account, or UnsecureJoin.

    Documented: Unattended Windows Setup Reference, UnattendedJoin Identification.
    """
    for join in context.at(JOIN, "Identification"):
        domain = join.child("JoinDomain")
        if domain is None or not domain.text:
            continue
        if (
            join.text_of("Credentials/Username")
            or join.text_of("UnsecureJoin").casefold() == "true"
            or join.child("Provisioning")
        ):
            continue
        yield Problem(
            domain.position,
            "there are no credentials for joining the domain",
            "the domain asks for an account that may join machines",
            "add Credentials, or use an offline join (Provisioning)",
        )


@rule("join-provisioning", Level.WARNING)
def join_provisioning(context: Context) -> Iterator[Problem]:
    """A provisioned account does not stand beside credentials.

    Documented: Unattended Windows Setup Reference, Provisioning wins over Credentials.
    """
    for join in context.at(JOIN, "Identification"):
        credentials = join.child("Credentials")
        if credentials is not None and join.child("Provisioning"):
            yield Problem(
                credentials.position,
                "there are credentials and a provisioned account",
                "the provisioned account wins, and the password stands here for nothing",
                "delete Credentials",
            )


@rule("join-account-data", Level.ERROR)
def join_account_data(context: Context) -> Iterator[Problem]:
    """The account data of an offline domain join is the base64 text that djoin saves.

    Documented: Unattended Windows Setup Reference, AccountData.
    """
    for path in ("Identification", "OfflineIdentification"):
        for setting in context.values_at(JOIN, f"{path}/Provisioning/AccountData"):
            text = "".join(setting.text.split()).strip("\0")
            try:
                b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                yield Problem(
                    setting.value_position,
                    "AccountData is no base64 text",
                    "Windows can't decode it and does not join",
                    "write the content of the file that djoin /savefile made",
                )
