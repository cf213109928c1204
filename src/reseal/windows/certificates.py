r"""Certificates of the machine: stores, the listeners that use them, and the names of their private keys.

| what | where | mark, source |
|---|---|---|
| a certificate | `SOFTWARE\Microsoft\SystemCertificates\<store>\Certificates\<thumbprint>` `Blob` | documented: System Store Locations |
| `Blob` | properties: number, encoding 1, length (4 bytes each), data; 2 holds the key's container | seen in real hives; numbers documented: CertGetCertificateContextProperty |
| WinRM over HTTPS | `CurrentVersion\WSMAN\Listener\*+HTTPS` `certThumbprint` | reported by many administrators |
| HTTP.sys, so IIS | `Services\HTTP\Parameters\Ssl*BindingInfo\<address>` `SslCertHash`, `SslCertStoreName` | reported |
| Remote Desktop | `Control\Terminal Server\WinStations\<listener>` `SSLCertificateSHA1Hash` | documented: Remote Desktop listener certificate configurations |
| Configuration Manager | store `SMS` | reported |
| file of a key | `<MD5 of the container>_<MachineGuid>`, the words of the MD5 in little-endian order | derived, and checked with the known name of Remote Desktop's key |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.registry import Registry

STORES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates"
WINRM = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener"
HTTP = r"Services\HTTP\Parameters"
BINDINGS = ("SslBindingInfo", "SslSniBindingInfo")
WINSTATIONS = r"Control\Terminal Server\WinStations"
#: The store of machine certificates; listeners that name none use it.
MY, SMS = "MY", "SMS"
_THUMBPRINT = re.compile(r"[0-9A-F]{40}")
_KEY_PROVIDER = 2
#: UTF-16 text in the property of the key's container.
_TEXT = re.compile(rb"(?:[\x20-\x7e]\0){8,}")
_MAX_PROPERTIES = 64
_MAX_LISTENERS = 1000


@dataclass(frozen=True, slots=True)
class Listener:
    """A service that shows a certificate to its clients.

    Attributes:
        service: the service, such as `WinRM`.
        name: the listener, such as an address and a port.
        store: the store of the certificate.
        thumbprint: 40 hexadecimal digits, upper case.
        key: the registry key that refers to the certificate.
        value: the value that refers to it; None if the whole key does.
    """

    service: str
    name: str
    store: str
    thumbprint: str
    key: str
    value: str | None = None


def certificate_key(store: str, thumbprint: str) -> str:
    """The registry key of a certificate."""
    return rf"{STORES}\{store}\Certificates\{thumbprint}"


def listeners(registry: Registry) -> list[Listener]:
    """Return the listeners of this machine that refer to a certificate."""
    found = [*_winrm(registry), *_http(registry), *_remote_desktop(registry)]
    return found[:_MAX_LISTENERS]


def _winrm(registry: Registry) -> Iterator[Listener]:
    for key in registry.subkeys(WINRM):
        path = rf"{WINRM}\{key.name}"
        thumbprint = _thumbprint(registry.text(path, "certThumbprint"))
        if thumbprint:
            yield Listener("WinRM", key.name, MY, thumbprint, path)


def _http(registry: Registry) -> Iterator[Listener]:
    for control_set in registry.control_sets:
        for kind in BINDINGS:
            folder = rf"HKLM\SYSTEM\{control_set}\{HTTP}\{kind}"
            for key in registry.subkeys(folder):
                path = rf"{folder}\{key.name}"
                thumbprint = _thumbprint(registry.value(path, "SslCertHash"))
                store = registry.text(path, "SslCertStoreName") or MY
                if thumbprint and "\\" not in store:
                    yield Listener("HTTP.sys (IIS)", key.name, store, thumbprint, path)


def _remote_desktop(registry: Registry) -> Iterator[Listener]:
    for control_set in registry.control_sets:
        folder = rf"HKLM\SYSTEM\{control_set}\{WINSTATIONS}"
        for key in registry.subkeys(folder):
            path, value = rf"{folder}\{key.name}", "SSLCertificateSHA1Hash"
            thumbprint = _thumbprint(registry.value(path, value))
            if thumbprint:
                yield Listener("Remote Desktop", key.name, MY, thumbprint, path, value)


def _thumbprint(value: object) -> str | None:
    text = value.hex() if isinstance(value, bytes) else str(value or "")
    text = re.sub(r"[\s:]", "", text).upper()
    return text if _THUMBPRINT.fullmatch(text) else None


def blob(registry: Registry, store: str, thumbprint: str) -> bytes:
    """A certificate with its properties; empty if the store lacks it.

    Args:
        registry: the installation's registry.
        store: the name of the store.
        thumbprint: 40 hexadecimal digits.
    """
    value = registry.value(certificate_key(store, thumbprint), "Blob")
    return value if isinstance(value, bytes) else b""


def containers(data: bytes) -> list[str]:
    """Return the texts that may name the container of a certificate's private key."""
    found: list[str] = []
    for number, content in _properties(data):
        if number == _KEY_PROVIDER:
            texts = (one.decode("utf-16-le") for one in _TEXT.findall(content))
            # The other text is the name of the provider, as in "Microsoft Software Key Storage Provider".
            found += [text for text in texts if not text.startswith("Microsoft ")]
    return found


def _properties(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for _ in range(_MAX_PROPERTIES):
        if offset + 12 > len(data):
            return
        number, _encoding, length = struct.unpack_from("<3I", data, offset)
        offset += 12
        yield number, data[offset : offset + length]
        offset += length


def key_file_name(container: str) -> str:
    """The start of the name of a key's file, before the MachineGuid."""
    name = container.lower().encode("ascii", "replace") + b"\0"
    words = struct.unpack("<4I", hashlib.md5(name, usedforsecurity=False).digest())
    return "".join(f"{word:08x}" for word in words)
