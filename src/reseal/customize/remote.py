r"""Remote access: Remote Desktop and Windows Remote Management.

| what | where | mark, source |
|---|---|---|
| Remote Desktop is allowed | `Control\Terminal Server!fDenyTSConnections` 0 | documented: Unattended Windows Setup Reference, fDenyTSConnections; seen |
| Network Level Authentication is required | `WinStations\RDP-Tcp!UserAuthentication` 1 | documented: the same, UserAuthentication; seen |
| firewall rules, one text each, with Active=TRUE or FALSE and the group as EmbedCtxt | `Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules` | seen in real hives of Windows 10; the form: [MS-GPFAS] 2.2.2, documented |
| the groups | `@FirewallAPI.dll,-28752` Remote Desktop, `-30267` Windows Remote Management | documented: the first in the reference's FirewallGroups; the second seen |
| WinRM starts automatically and listens | `Services\WinRM!Start` 2, and the policy AllowAutoConfig with its filters | documented: Microsoft, Installation and configuration for Windows Remote Management; ADMX WindowsRemoteManagement |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.customize.system import set_start
from reseal.errors import CheckError
from reseal.regf import types
from reseal.session import Session

FIREWALL_RULES = (
    r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
)
TERMINAL_SERVER = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
WINRM_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service"
REMOTE_DESKTOP = "@FirewallAPI.dll,-28752"
REMOTE_MANAGEMENT = "@FirewallAPI.dll,-30267"
_SERVICE = "WinRM"


def enable_rdp(run: Run, _: Given) -> None:
    """Do the step `enable-rdp`."""
    session = run.session
    if session.registry.key(TERMINAL_SERVER) is None:
        msg = "The image has no Remote Desktop."
        raise CheckError(msg, "Remove the step enable-rdp.")
    session.set_number(TERMINAL_SERVER, "fDenyTSConnections", 0)
    session.set_number(rf"{TERMINAL_SERVER}\WinStations\RDP-Tcp", "UserAuthentication", 1)
    open_firewall(session, REMOTE_DESKTOP, "Remote Desktop")


def enable_winrm(run: Run, _: Given) -> None:
    """Do the step `enable-winrm`."""
    session = run.session
    set_start(session, _SERVICE, "auto")
    session.set_number(WINRM_POLICY, "AllowAutoConfig", 1)
    for name in ("IPv4Filter", "IPv6Filter"):
        session.set_text(WINRM_POLICY, name, "*")
    open_firewall(session, REMOTE_MANAGEMENT, "Windows Remote Management")


def open_firewall(session: Session, group: str, name: str) -> None:
    """Stage that every firewall rule of a group is active, in every control set; note if there is none.

    Args:
        session: the opened installation.
        group: the resource name of the group.
        name: its name in English, for the note.
    """
    count = 0
    for place in session.registry.locate(FIREWALL_RULES):
        key = session.registry.key_at(place)
        for value in list(key.values()) if key else ():
            if value.type != types.REG_SZ or not isinstance(value.decoded, str):
                continue
            rule = value.decoded
            if f"EmbedCtxt={group}" not in rule.split("|"):
                continue
            count += 1
            active = re.sub(r"\|Active=FALSE\|", "|Active=TRUE|", rule, flags=re.IGNORECASE)
            session.set_value(place, value.name, value.type, types.encode(value.type, active))
    if not count:
        session.note(f"The image's firewall has no rules for {name}; none was opened.")
