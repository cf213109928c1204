"""Texts of the options of `reseal unattend new`: secrets, accounts, interfaces and other words."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from reseal.answerfile import (
    DomainJoin,
    NewAccount,
    NewInterface,
    Pass,
    Secret,
    product_keys,
    schema,
)
from reseal.answerfile.answers import DEFAULT_GROUPS, FullSetup, WirelessNetwork
from reseal.answerfile.assignment import Assignment, assigned
from reseal.answerfile.secrets import is_secret
from reseal.errors import UsageError

#: What `--oem` calls the settings of OEMInformation (documented: Unattended Windows Setup Reference).
OEM = {
    "manufacturer": "Manufacturer",
    "model": "Model",
    "logo": "Logo",
    "support-hours": "SupportHours",
    "support-phone": "SupportPhone",
    "support-url": "SupportURL",
    "support-provider": "SupportProvider",
}
#: The passes in which commands run one after another.
RUN = (Pass.WINDOWS_PE, Pass.SPECIALIZE, Pass.AUDIT_USER)


def secret(file: str) -> Secret | None:
    """Read a secret: the first line of a file, or a line of standard input."""
    if not file:
        return None
    try:
        if file == "-":
            return Secret(sys.stdin.readline().rstrip("\r\n"))
        with Path(file).open(encoding="utf-8-sig") as lines:
            return Secret(lines.readline().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"no secret can be read from {file}"
        raise UsageError(msg) from error


def _parts(
    text: str, option: str, *, once: tuple[str, ...], often: tuple[str, ...] = ()
) -> tuple[str, dict[str, list[str]]]:
    """Split `NAME,key=value,…`, where some keys may occur once and others often."""
    name, *rest = text.split(",")
    values: dict[str, list[str]] = {key: [] for key in sorted((*once, *often))}
    for part in rest:
        key, sign, value = part.partition("=")
        if not sign or key not in values:
            msg = f"--{option} does not understand {part}"
            raise UsageError(msg, f"It knows {', '.join(values)}, each with = and a value.")
        values[key].append(value)
    for key in once:
        if len(values[key]) > 1:
            msg = f"--{option} has {key} {len(values[key])} times"
            raise UsageError(msg, "Give it once.")
    if not name:
        msg = f"--{option} needs a name first"
        raise UsageError(msg)
    return name, values


def accounts(texts: Iterable[str]) -> tuple[NewAccount, ...]:
    """Parse `NAME[,group=G]…[,password-file=FILE][,display-name=N]`, several times."""
    return tuple(map(_account, texts))


def _account(text: str) -> NewAccount:
    name, values = _parts(text, "account", once=("password-file", "display-name"), often=("group",))
    return NewAccount(
        name=name,
        password=secret("".join(values["password-file"])),
        groups=tuple(values["group"]) or DEFAULT_GROUPS,
        display_name="".join(values["display-name"]),
    )


def interfaces(texts: Iterable[str]) -> tuple[NewInterface, ...]:
    """Parse `NAME,address=A/N[,gateway=A]…[,route=NETWORK@A]…[,dns=A]…[,suffix=D]`, several times."""
    return tuple(map(_interface, texts))


def _interface(text: str) -> NewInterface:
    often = ("address", "gateway", "route", "dns")
    name, values = _parts(text, "interface", once=("suffix",), often=often)
    routes = []
    for route in values["route"]:
        network, at, gateway = route.partition("@")
        if not at:
            msg = f"--interface does not understand route={route}"
            raise UsageError(msg, "Write route=NETWORK@GATEWAY, as in route=10.1.0.0/16@10.0.0.2.")
        routes.append((network, gateway))
    return NewInterface(
        identifier=name,
        addresses=tuple(values["address"]),
        gateways=tuple(values["gateway"]),
        routes=tuple(routes),
        servers=tuple(values["dns"]),
        domain="".join(values["suffix"]),
    )


def domain_join(domain: str, user: str, password_file: str, unit: str) -> DomainJoin | None:
    """Return what is joined, and with what; None for none.

    Args:
        domain: the domain to join; empty for none.
        user: the account that may join computers to it.
        password_file: the file with the account's password, or `-` for standard input.
        unit: the organizational unit; empty for the default one.

    Raises:
        UsageError: the user or the password is missing, or the file can't be read.
    """
    if not domain:
        return None
    password = secret(password_file)
    if not user or password is None:
        msg = "joining a domain needs a user and a password"
        raise UsageError(msg, "Add --domain-user and --domain-password-file.")
    return DomainJoin(domain, user, password, unit)


def oem(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse `KEY=TEXT`, several times."""
    found = []
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or key not in OEM:
            msg = f"--oem does not understand {text}"
            raise UsageError(msg, f"It knows {', '.join(OEM)}, each with = and a text.")
        found.append((OEM[key], value))
    return tuple(found)


def run(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse `PASS:COMMAND`, several times."""
    found = []
    for text in texts:
        name, colon, command = text.partition(":")
        if not colon or name not in list(RUN) or not command:
            msg = f"--run does not understand {text}"
            raise UsageError(msg, f"Write PASS:COMMAND; the passes are {', '.join(RUN)}.")
        found.append((name, command))
    return tuple(found)


def wireless(text: str) -> WirelessNetwork | None:
    """Parse `NAME[,password-file=FILE]`; None where it is empty."""
    if not text:
        return None
    name, values = _parts(text, "wifi", once=("password-file",))
    return WirelessNetwork(name, secret("".join(values["password-file"])))


def disk(firmware: str, number: int, image: str) -> FullSetup | None:
    """Return what Windows Setup is to install, and where; None where no disk is laid out.

    Args:
        firmware: `uefi` or `bios`; empty where no disk is laid out.
        number: number of the disk, which is wiped.
        image: name or index of the image; empty where the product key chooses.

    Raises:
        UsageError: an image is named, but no firmware.
    """
    if not firmware:
        if image:
            msg = "--image belongs to a file for Windows Setup"
            raise UsageError(msg, "Say with --disk uefi or --disk bios how the disk is laid out.")
        return None
    return FullSetup(firmware, number, image)


def settings(texts: Iterable[str]) -> tuple[Assignment, ...]:
    """Parse `PASS/COMPONENT/SETTING=VALUE`, several times; none may be a password."""
    found = tuple(map(Assignment.parse, texts))
    for setting in assigned(found, "amd64").settings():
        if not setting.children and is_secret(setting):
            msg = f"--set {setting.component.name}/{setting.path}: others can see a secret on a command line"
            raise UsageError(msg, "Write it into an answer file, and merge the two.")
    return found


def public_key(edition: str) -> Secret | None:
    """Return the public product key of an edition; None where none is named."""
    if not edition:
        return None
    wanted = product_keys.product(edition)
    key = product_keys.key_for(wanted) if wanted else ""
    if not key:
        near = schema.nearest(edition, product_keys.keys(), 0.5)
        msg = f"{edition} has no public product key"
        raise UsageError(msg, f"Did you mean {near}?" if near else "Write Windows 11 Pro, say.")
    return Secret(key)
