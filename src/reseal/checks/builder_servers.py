"""Servers of the builder's network that every copy would use."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.session import Session

#: The policy for an update server (documented: Manage additional Windows Update settings).
UPDATES = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate"
_UPDATE_SERVERS = ("WUServer", "WUStatusServer", "UpdateServiceUrlAlternate")
_INTERNET = r"Microsoft\Windows\CurrentVersion\Internet Settings"
#: The proxy of services, as `netsh winhttp set proxy` writes it.
WINHTTP = rf"HKLM\SOFTWARE\{_INTERNET}\Connections"
_WINHTTP_VALUE = "WinHttpSettings"
#: Flags, then length and text of the proxy (reported: public scripts that read it).
_FLAGS, _LENGTH, _TEXT = 8, 12, 16
_PROXY_FLAG = 2
_MAX_PROXY = 2048
#: Where WinINet keeps a proxy: for all users, for services, and for new accounts (documented names).
_WININET = (rf"HKLM\SOFTWARE\{_INTERNET}", rf"HKU\.DEFAULT\Software\{_INTERNET}",
            rf"HKU\Default\Software\{_INTERNET}")  # fmt: skip
ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
#: The credentials in front of a host.
_CREDENTIALS = re.compile(r"[^/@;=\s]*@")
_SHOWN = 120


@check(
    "builder-servers",
    "The image uses no update server and no proxy of the builder's network.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Manage additional Windows Update settings (WUServer); netsh winhttp; the layout of "
    "WinHttpSettings: reported",
)
def builder_servers(session: Session) -> Iterable[Finding]:
    """A WSUS server or a proxy that only the build can reach leaves every copy without updates or network.

    Where every machine is to use it, nothing has to be done. Credentials in a proxy are not shown.
    """
    for key, name, server in _update_servers(session):
        yield warning(
            f"Every copy gets its updates from {_safe(server)} ({name}).",
            f"If that is the builder's server only, delete it with --reg-delete '{key}\\\\{name}'.",
        )
    for key, name, proxy in _proxies(session):
        yield warning(
            f"Every copy uses the proxy {_safe(proxy)} ({key}, {name}).",
            f"If that is the builder's proxy only, delete it with --reg-delete '{key}\\\\{name}'.",
        )


def _update_servers(session: Session) -> Iterator[tuple[str, str, str]]:
    registry = session.registry
    if not registry.number(rf"{UPDATES}\AU", "UseWUServer"):
        return
    for name in _UPDATE_SERVERS:
        server = registry.text(UPDATES, name)
        if server:
            yield UPDATES, name, server


def _proxies(session: Session) -> Iterator[tuple[str, str, str]]:
    registry = session.registry
    settings = registry.value(WINHTTP, _WINHTTP_VALUE)
    proxy = _winhttp(settings) if isinstance(settings, bytes) else ""
    if proxy:
        yield WINHTTP, _WINHTTP_VALUE, proxy
    for key in _WININET:
        proxy = registry.text(key, "ProxyServer") or ""
        if proxy and registry.number(key, "ProxyEnable"):
            yield key, "ProxyServer", proxy
        script = registry.text(key, "AutoConfigURL") or ""
        if script:
            yield key, "AutoConfigURL", script
    for name in _VARIABLES:
        proxy = registry.text(ENVIRONMENT, name) or ""
        if proxy:
            yield ENVIRONMENT, name, proxy


def _winhttp(data: bytes) -> str:
    """Return the proxy in WinHttpSettings; empty without one."""
    if len(data) < _TEXT:
        return ""
    flags, length = struct.unpack_from("<II", data, _FLAGS)
    if not flags & _PROXY_FLAG or not 0 < length <= min(_MAX_PROXY, len(data) - _TEXT):
        return ""
    return data[_TEXT : _TEXT + length].decode("ascii", "replace")


def _safe(server: str) -> str:
    return _CREDENTIALS.sub("", server)[:_SHOWN]
