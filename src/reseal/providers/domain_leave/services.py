r"""Service settings that differ in a domain.

| value below a control set | in a domain | in a workgroup | mark |
|---|---|---|---|
| `Services\Tcpip\Parameters` `Domain`, `NV Domain` | the domain's DNS name | empty | seen |
| `Services\Netlogon` `Start` | 2, automatic | 3, manual | seen |
| `Services\Netlogon\Parameters` `DynamicSiteName` | the site | absent | seen |
| `Services\W32Time\Parameters` `Type` | NT5DS, time from the domain | NTP | documented (Windows Time Service Tools and Settings), seen |

`ICSDomain` is `mshome.net` in both (seen) and stays. A primary DNS suffix that was set independently of
membership (SyncDomainWithMembership 0) stays.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.windows.values import number, text

if TYPE_CHECKING:
    from reseal.session import Session

_AUTOMATIC, _MANUAL = 2, 3
_FROM_DOMAIN, _FROM_SERVER = "NT5DS", "NTP"
#: The default of Windows (seen in Windows 7 and 10).
_TIME_SERVER = "time.windows.com,0x9"


def leave(session: Session, domain: str | None) -> None:
    """Stage the settings of a workgroup in every control set.

    Args:
        session: the installation.
        domain: the domain's DNS name.
    """
    for control_set in session.registry.control_sets:
        services = rf"HKLM\SYSTEM\{control_set}\Services"
        _suffix(session, rf"{services}\Tcpip\Parameters", domain)
        if number(session.registry.key(rf"{services}\Netlogon"), "Start") == _AUTOMATIC:
            session.set_number(rf"{services}\Netlogon", "Start", _MANUAL)
        session.delete_value(rf"{services}\Netlogon\Parameters", "DynamicSiteName")
        time = rf"{services}\W32Time\Parameters"
        key = session.registry.key(time)
        if (text(key, "Type") or "").upper() == _FROM_DOMAIN:
            session.set_text(time, "Type", _FROM_SERVER)
            if not text(key, "NtpServer"):
                session.set_text(time, "NtpServer", _TIME_SERVER)


def _suffix(session: Session, path: str, domain: str | None) -> None:
    key = session.registry.key(path)
    follows = number(key, "SyncDomainWithMembership") != 0
    for name in ("Domain", "NV Domain"):
        suffix = text(key, name)
        if suffix and (follows or suffix.lower() == (domain or "").lower()):
            session.set_text(path, name, "")
