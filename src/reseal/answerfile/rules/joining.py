"""Joining a domain or a workgroup."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator

from reseal.answerfile.components import JOIN, SHELL
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import shown
from reseal.mark import Mark

#: The longest name of a workgroup (documented: JoinWorkgroup; it is a NetBIOS name).
WORKGROUP_LENGTH = 15

#: Documented: Naming conventions in Active Directory, NetBIOS domain names: disallowed characters.
FORBIDDEN_IN_WORKGROUP = frozenset('\\/:*?"<>|')

#: One part of a distinguished name: an attribute and its value, commas in it behind a backslash.
_PART = re.compile(r"(?i)\s*([A-Z][A-Z0-9-]*|\d+(?:\.\d+)+)\s*=\s*((?:[^,\\]|\\.)+?)\s*")
_COMMA = re.compile(r"(?<!\\),")


@rule(
    "join-both",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UnattendedJoin Identification",
)
def join_both(context: Context) -> Iterator[Problem]:
    """A machine joins a domain or a workgroup."""
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


@rule(
    "workgroup-extras",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="Unattended Windows Setup Reference, Credentials and MachineObjectOU: for joining a domain",
)
def workgroup_extras(context: Context) -> Iterator[Problem]:
    """Credentials and an organizational unit belong to a domain, not to a workgroup."""
    for join in context.at(JOIN, "Identification"):
        if not join.text_of("JoinWorkgroup") or join.text_of("JoinDomain"):
            continue
        for name in ("Credentials", "MachineObjectOU"):
            extra = join.child(name)
            if extra is not None and (extra.text or extra.children):
                yield Problem(
                    extra.position,
                    f"{name} stands next to JoinWorkgroup",
                    "a workgroup has neither accounts nor organizational units",
                    f"delete {name}, or write JoinDomain in place of JoinWorkgroup",
                )


@rule(
    "join-username",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="Unattended Windows Setup Reference, Credentials: Domain and Username are settings of their own",
)
def join_username(context: Context) -> Iterator[Problem]:
    """The account for the join is named without its domain."""
    for name in context.values_at(JOIN, "Identification/Credentials/Username"):
        if "\\" in name.text:
            yield Problem(
                name.value_position,
                "the Username of Credentials holds a backslash",
                "it is the name alone, and the domain has a setting of its own",
                "write the part before the backslash into <Domain>",
            )


@rule(
    "join-credentials",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UnattendedJoin Identification",
)
def join_credentials(context: Context) -> Iterator[Problem]:
    """Joining a domain needs credentials, a provisioned account, or UnsecureJoin."""
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
            "the credentials for joining the domain are missing",
            "the domain asks for an account that may join machines",
            "add Credentials, or use an offline join (Provisioning)",
        )


@rule(
    "join-provisioning",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Provisioning wins over Credentials",
)
def join_provisioning(context: Context) -> Iterator[Problem]:
    """A provisioned account is not combined with credentials."""
    for join in context.at(JOIN, "Identification"):
        credentials = join.child("Credentials")
        if credentials is not None and join.child("Provisioning"):
            yield Problem(
                credentials.position,
                "there are credentials and a provisioned account",
                "the provisioned account wins, and the password here is not used",
                "delete Credentials",
            )


@rule(
    "join-account-data",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, AccountData",
)
def join_account_data(context: Context) -> Iterator[Problem]:
    """The account data of an offline domain join is the base64 text that djoin saves."""
    for path in ("Identification", "OfflineIdentification"):
        for setting in context.values_at(JOIN, f"{path}/Provisioning/AccountData"):
            text = "".join(setting.text.split()).strip("\0")
            try:
                b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                yield Problem(
                    setting.value_position,
                    "AccountData is not base64",
                    "Windows can't decode it and does not join",
                    "write the content of the file that djoin /savefile made",
                )


@rule(
    "join-upn",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source='Unattended Windows Setup Reference, Credentials Username: with a UPN "the Domain '
    'setting must be excluded"',
)
def join_upn(context: Context) -> Iterator[Problem]:
    """Credentials are a user and a domain, or a user principal name alone."""
    for credentials in context.at(JOIN, "Identification/Credentials"):
        domain, name = credentials.child("Domain"), credentials.text_of("Username")
        if domain is not None and domain.text and "@" in name:
            yield Problem(
                domain.position,
                "Credentials have a Domain, and Username is a user principal name",
                "with such a name, the Domain must be left out",
                "delete <Domain>, or write the part of Username before the @ alone",
            )


@rule(
    "join-unsecure",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UnsecureJoin and MachinePassword",
)
def join_unsecure(context: Context) -> Iterator[Problem]:
    """An unsecure join has no credentials, and only it has a machine password."""
    for join in context.at(JOIN, "Identification"):
        unsecure = join.child("UnsecureJoin")
        is_unsecure = unsecure is not None and unsecure.text.casefold() == "true"
        if is_unsecure and unsecure is not None and join.text_of("Credentials/Username"):
            yield Problem(
                unsecure.value_position,
                "UnsecureJoin is true, and there are Credentials",
                "an unsecure join takes none",
                "delete Credentials, or write <UnsecureJoin>false</UnsecureJoin>",
            )
        password = join.child("MachinePassword")
        if password is not None and password.text and not is_unsecure:
            yield Problem(
                password.position,
                "there is a MachinePassword, and UnsecureJoin is not true",
                "the password is used for an unsecure join only",
                "delete it, or write <UnsecureJoin>true</UnsecureJoin> and delete Credentials",
            )


@rule(
    "workgroup-name",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, JoinWorkgroup; Naming conventions: NetBIOS names",
)
def workgroup_name(context: Context) -> Iterator[Problem]:
    """A workgroup has at most 15 characters, and another name than the computer."""
    computers = {one.text.casefold() for one in context.values_at(SHELL, "ComputerName")}
    for setting in context.values_at(JOIN, "Identification/JoinWorkgroup"):
        if len(setting.text) > WORKGROUP_LENGTH:
            yield Problem(
                setting.value_position,
                f"the name of the workgroup has {len(setting.text)} characters",
                f"Windows allows {WORKGROUP_LENGTH}",
                "shorten it",
            )
        elif wrong := sorted(set(setting.text) & FORBIDDEN_IN_WORKGROUP):
            yield Problem(
                setting.value_position,
                f"the name of the workgroup holds {' '.join(wrong)}",
                "NetBIOS does not allow that",
                "write letters, digits and hyphens",
            )
        elif setting.text.casefold() in computers:
            yield Problem(
                setting.value_position,
                f"the workgroup {shown(setting)} has the name of the computer",
                "NetBIOS does not allow that",
                "rename one of the two",
            )


@rule(
    "join-unit",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, MachineObjectOU: OU=…,DC=…",
)
def join_unit(context: Context) -> Iterator[Problem]:
    """An organizational unit is a distinguished name, its domain included."""
    for setting in context.values_at(JOIN, "Identification/MachineObjectOU"):
        parts = [_PART.fullmatch(part) for part in _COMMA.split(setting.text[:2000])]
        names = [part.group(1).upper() for part in parts if part]
        dotted = [p for p in parts if p and p.group(1).upper() == "DC" and "." in p.group(2)]
        if len(names) == len(parts) and dotted:
            domain = ",".join(f"DC={label}" for label in dotted[0].group(2).split(".") if label)
            yield Problem.of_value(
                setting,
                "each DC holds one label of the domain's name",
                f"write {domain} in place of {dotted[0].group().strip()}",
            )
            continue
        if len(names) == len(parts) and "DC" in names:
            continue
        yield Problem.of_value(
            setting,
            "it does not name the domain"
            if len(names) == len(parts)
            else "it is not a distinguished name",
            "write for example OU=PCs,DC=corp,DC=example",
        )
