"""What settings mean, in plain words. Secrets never get into a sentence.

`SENTENCES` turns one setting into a sentence; `{}` is its text. `SWITCHES` has one sentence for
true and one for false. `GROUPS` turns a setting with all that is in it into sentences. What stands
in none of them is shown by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reseal.answerfile.components import (
    COMMANDS,
    DEPLOYMENT,
    DNS,
    DRIVERS,
    FIREWALL,
    INTERNATIONAL,
    INTERNATIONAL_WINPE,
    INTERNET_EXPLORER,
    JOIN,
    LICENSING,
    LUA,
    PNP_SYSPREP,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_STATION,
    SETUP,
    SHELL,
    TCPIP,
)
from reseal.answerfile.document import Setting
from reseal.answerfile.secrets import conceal, shown

DRIVERS_WINPE = "Microsoft-Windows-PnpCustomizationsWinPE"

_LOCALES = {
    "InputLocale": "The keyboard is {}.",
    "SystemLocale": "Programs without Unicode use the locale {}.",
    "UILanguage": "The language of Windows is {}.",
    "UILanguageFallback": "Where that language is missing, {} is used.",
    "UserLocale": "Dates, numbers and currency follow {}.",
}

SENTENCES: dict[tuple[str, str], str] = {
    (SHELL, "ComputerName"): "The computer is named {}.",
    (SHELL, "ProductKey"): "Windows gets the product key that ends in {}.",
    (SHELL, "RegisteredOwner"): "Windows is registered to {}.",
    (SHELL, "RegisteredOrganization"): "Windows is registered to the organization {}.",
    (SHELL, "TimeZone"): "The time zone is {}.",
    (SHELL, "OOBE/ProtectYourPC"): "The page on protection and updates is answered with {}.",
    (SHELL, "OOBE/NetworkLocation"): "The network counts as {}.",
    (SETUP, "UserData/ProductKey/Key"): "Setup chooses the edition by the product key that ends in "
    "{}.",
    (SETUP, "UserData/FullName"): "The user of Windows is {}.",
    (SETUP, "UserData/Organization"): "The organization is {}.",
    (INTERNET_EXPLORER, "Home_Page"): "The home page of Internet Explorer is {}.",
    **{(INTERNATIONAL, name): sentence for name, sentence in _LOCALES.items()},
    **{(INTERNATIONAL_WINPE, name): sentence for name, sentence in _LOCALES.items()},
    (INTERNATIONAL_WINPE, "SetupUILanguage/UILanguage"): "Setup speaks {}.",
}

SWITCHES: dict[tuple[str, str], tuple[str, str]] = {
    (SHELL, "CopyProfile"): (
        "The profile of the built-in Administrator becomes the default profile of new users.",
        "The default profile stays as it is.",
    ),
    (SHELL, "OOBE/HideEULAPage"): (
        "The licence terms are not shown.",
        "The licence terms are shown.",
    ),
    (SHELL, "OOBE/HideLocalAccountScreen"): (
        "The page for the password of Administrator is not shown (Windows Server).",
        "The page for the password of Administrator is shown (Windows Server).",
    ),
    (SHELL, "OOBE/HideOEMRegistrationScreen"): (
        "The registration page is not shown.",
        "The registration page is shown.",
    ),
    (SHELL, "OOBE/HideOnlineAccountScreens"): (
        "The page for a Microsoft account is not shown.",
        "The page for a Microsoft account is shown.",
    ),
    (SHELL, "OOBE/HideWirelessSetupInOOBE"): (
        "The page for wireless networks is not shown.",
        "The page for wireless networks is shown.",
    ),
    (SHELL, "OOBE/SkipMachineOOBE"): (
        "The out-of-box experience of the machine is skipped, where Windows still can.",
        "The out-of-box experience of the machine runs.",
    ),
    (SHELL, "OOBE/SkipUserOOBE"): (
        "The out-of-box experience of users is skipped, where Windows still can.",
        "The out-of-box experience of users runs.",
    ),
    (PNP_SYSPREP, "PersistAllDeviceInstalls"): (
        "Installed devices stay installed.",
        "Devices are uninstalled and found again at the first boot.",
    ),
    (PNP_SYSPREP, "DoNotCleanUpNonPresentDevices"): (
        "Devices that are not present stay installed, too.",
        "Devices that are not present are removed.",
    ),
    (LICENSING, "SkipRearm"): ("The licence is left as it is.", "The licence is reset."),
    (LUA, "EnableLUA"): ("User Account Control is on.", "User Account Control is off."),
    (REMOTE_DESKTOP, "fDenyTSConnections"): ("Remote Desktop is off.", "Remote Desktop is on."),
    (REMOTE_DESKTOP_STATION, "UserAuthentication"): (
        "Remote Desktop asks for the user before it connects.",
        "Remote Desktop connects before it asks for the user.",
    ),
    (SETUP, "UserData/AcceptEula"): (
        "The licence terms are accepted.",
        "The user must accept the licence terms.",
    ),
}

#: What a command does in its list, and when.
_COMMAND_WORDS = {
    "RunSynchronous": "Runs, and waits for it",
    "RunAsynchronous": "Starts, and does not wait",
    "FirstLogonCommands": "Runs at the first logon",
    "LogonCommands": "Runs at every logon",
}


def quoted(setting: Setting | None) -> str:
    """Return a text for a sentence: readable, or hidden where it is a secret."""
    return shown(setting, 200) if setting is not None and setting.text else "nothing"


def partial_key(setting: Setting) -> str:
    """Return the last group of a product key, as Windows itself shows one."""
    last = setting.text.rpartition("-")[2]
    return last if len(last) <= 5 else "…"


def _command(item: Setting) -> Iterator[str]:
    words = _COMMAND_WORDS.get(item.path.partition("/")[0], "Runs")
    command = item.text_of("Path") or item.text_of("CommandLine")
    order = item.text_of("Order")
    yield f"{f'{order}. ' if order else ''}{words}: {' '.join(conceal(command).split())}"


def _account(item: Setting) -> Iterator[str]:
    password = item.text_of("Password/Value")
    groups = " and ".join(g.strip() for g in item.text_of("Group").split(";") if g.strip())
    yield (
        f"There is an account {quoted(item.child('Name'))}"
        f"{f', a member of {groups}' if groups else ''}, "
        f"{'with a password (hidden)' if password else 'without a password'}."
    )


def _administrator(item: Setting) -> Iterator[str]:
    if item.text_of("Value"):
        yield "The built-in Administrator gets a password (hidden)."
    else:
        yield "The built-in Administrator gets an empty password."


def _logon(item: Setting) -> Iterator[str]:
    name = quoted(item.child("Username"))
    count = item.text_of("LogonCount")
    if item.text_of("Enabled").casefold() == "false":
        yield "No account logs on automatically."
        return
    # Documented: Windows adds one to a count above zero.
    times = f" {int(count) + 1} times" if count.isdecimal() and 0 < int(count[:9]) < 10**9 else ""
    if count == "1" and any(
        one.name == "CommandLine" and "autologoncount" in one.text.casefold()
        for one in item.component.settings()
    ):
        times = " once"  # a command of the first logon says that it was the last
    yield f"{name} logs on automatically{times}."


def _disk(item: Setting) -> Iterator[str]:
    number = item.text_of("DiskID") or "?"
    if item.text_of("WillWipeDisk").casefold() == "true":
        yield f"Disk {number} is wiped: everything on it is lost."
    created = item.child("CreatePartitions")
    for partition in created.children if created else ():
        size = partition.text_of("Size")
        kind = partition.text_of("Type")
        kind = f"an {kind}" if kind in {"EFI", "MSR"} else f"a {kind.lower() or 'new'}"
        extent = f"of {size} MB" if size else "that fills the rest"
        yield f"Disk {number} gets {kind} partition {extent}."
    modified = item.child("ModifyPartitions")
    for partition in modified.children if modified else ():
        facts = {
            "Format": "formatted with {}",
            "Label": "labelled {}",
            "Letter": "given the letter {}",
        }
        said = [
            text.format(partition.text_of(name))
            for name, text in facts.items()
            if partition.text_of(name)
        ]
        if partition.text_of("Active").casefold() == "true":
            said.append("made active")
        if said:
            yield f"Partition {partition.text_of('PartitionID')} is {', '.join(said)}."


def _image(item: Setting) -> Iterator[str]:
    metadata = item.child("InstallFrom/MetaData")
    if metadata is not None:
        key = metadata.text_of("Key").rpartition("/")[2].lower() or "image"
        yield f"The image with the {key} {quoted(metadata.child('Value'))} is installed."
    path = item.child("InstallFrom/Path")
    if path is not None:
        yield f"It is taken from {quoted(path)}."
    target = item.child("InstallTo")
    if target is not None:
        yield (
            f"It goes to partition {target.text_of('PartitionID') or '?'} of disk "
            f"{target.text_of('DiskID') or '?'}."
        )
    elif item.text_of("InstallToAvailablePartition").casefold() == "true":
        yield "It goes to the first partition with enough space."


def _join(item: Setting) -> Iterator[str]:
    domain, workgroup = item.child("JoinDomain"), item.child("JoinWorkgroup")
    if item.child("Provisioning"):
        yield "The machine joins a domain with an account made beforehand (hidden)."
    if domain is not None:
        unit = item.child("MachineObjectOU")
        where = f", in {quoted(unit)}" if unit is not None else ""
        user = item.child("Credentials/Username")
        whose = f" with the credentials of {quoted(user)}" if user is not None else ""
        yield f"The machine joins the domain {quoted(domain)}{whose}{where}."
    elif workgroup is not None:
        yield f"The machine joins the workgroup {quoted(workgroup)}."


def _interface(item: Setting) -> Iterator[str]:
    name = quoted(item.child("Identifier"))
    addresses = item.child("UnicastIpAddresses")
    if addresses is not None and addresses.children:
        listed = ", ".join(address.text for address in addresses.children)
        yield f"The network interface {name} gets {listed}."
    if item.text_of("Ipv4Settings/DhcpEnabled").casefold() == "true":
        yield f"The network interface {name} gets its IPv4 address by DHCP."
    routes = item.child("Routes")
    for route in routes.children if routes else ():
        way = quoted(route.child("NextHopAddress"))
        yield f"From {name}, {quoted(route.child('Prefix'))} is reached by {way}."
    servers = item.child("DNSServerSearchOrder")
    if servers is not None and servers.children:
        yield f"{name} asks the DNS servers {', '.join(s.text for s in servers.children)}."


def _firewall(item: Setting) -> Iterator[str]:
    word = "open" if item.text_of("Active").casefold() == "true" else "closed"
    group = quoted(item.child("Group"))
    yield f"The firewall is {word} for {group} ({item.text_of('Profile') or 'domain'})."


def _drivers(item: Setting) -> Iterator[str]:
    yield f"Drivers are taken from {quoted(item.child('Path'))}."


def _generalize(item: Setting) -> Iterator[str]:
    yield f"Windows is generalized{_reseal_words(item)}"


def _reseal(item: Setting) -> Iterator[str]:
    yield f"Windows is resealed{_reseal_words(item)}"


def _reseal_words(item: Setting) -> str:
    audit = item.text_of("Mode").casefold() == "audit"
    mode = "audit mode" if audit else "the out-of-box experience"
    end = "shut down" if item.text_of("ForceShutdownNow").casefold() == "true" else "restarted"
    return f" for {mode}, and the machine is {end}."


GROUPS: dict[tuple[str, str], Callable[[Setting], Iterator[str]]] = {
    **{(component, path): _command for component, path, _ in COMMANDS},
    (SHELL, "UserAccounts/LocalAccounts/LocalAccount"): _account,
    (SHELL, "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount"): _account,
    (SHELL, "UserAccounts/AdministratorPassword"): _administrator,
    (SHELL, "OfflineUserAccounts/OfflineAdministratorPassword"): _administrator,
    (SHELL, "AutoLogon"): _logon,
    (SETUP, "DiskConfiguration/Disk"): _disk,
    (SETUP, "ImageInstall/OSImage"): _image,
    (JOIN, "Identification"): _join,
    (JOIN, "OfflineIdentification"): _join,
    (TCPIP, "Interfaces/Interface"): _interface,
    (DNS, "Interfaces/Interface"): _interface,
    (FIREWALL, "FirewallGroups/FirewallGroup"): _firewall,
    (DRIVERS, "DriverPaths/PathAndCredentials"): _drivers,
    (DRIVERS_WINPE, "DriverPaths/PathAndCredentials"): _drivers,
    (DEPLOYMENT, "Generalize"): _generalize,
    (DEPLOYMENT, "Reseal"): _reseal,
}
