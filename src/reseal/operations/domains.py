"""Domains of libvirt: the disks of one, and domains for clones of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lxml import etree

from reseal.disk.formats import is_container
from reseal.errors import CheckError, EngineError, ImageError, UsageError
from reseal.hostfile import NetworkPath
from reseal.xml import XmlError, parse

if TYPE_CHECKING:
    import libvirt

#: A domain without a URI is looked for where virsh looks.
_DEFAULT: None = None


def disks_of(name: str, connect: str | None = None) -> tuple[Path, ...]:
    """Return the disks of a domain that is shut off, the one that it boots from first.

    Args:
        name: the domain's name or UUID.
        connect: the URI of the hypervisor; None for libvirt's default.

    Raises:
        EngineError: libvirt-python is not installed, or the hypervisor can't be reached.
        CheckError: the domain runs, or its memory is saved.
        UsageError: there is no such domain, or it has no disk that reseal can open.
    """
    with _connected(connect) as connection:
        return tuple(_disks(connection, name, _inactive(connection, name)))


def define(name: str, connect: str | None, machine: str, disk: Path) -> None:
    """Define a domain for a clone: a copy of another, with a name, ids and a disk of its own.

    Args:
        name: the domain that the clone is made from.
        connect: the URI of the hypervisor; None for libvirt's default.
        machine: the name of the new domain.
        disk: its disk; it takes the place of the first disk.

    Raises:
        EngineError: libvirt-python is not installed, or the hypervisor can't be reached.
        ImageError: libvirt refuses the domain.
    """
    import libvirt

    with _connected(connect, read_only=False) as connection:
        root = copy.deepcopy(_inactive(connection, name))
        _rename(root, machine, disk)
        try:
            connection.defineXML(etree.tostring(root, encoding="unicode"))
        except libvirt.libvirtError as error:
            msg = f"libvirt does not define {machine}: {error}."
            raise ImageError(msg, f"Its disk {disk} is complete.") from error


@contextmanager
def _connected(connect: str | None, *, read_only: bool = True) -> Iterator[libvirt.virConnect]:
    try:
        import libvirt
    except ImportError as error:
        msg = "libvirt-python is not installed, which --domain needs."
        raise EngineError(msg, "Install it: pip install 'reseal[libvirt]'.") from error
    # It would print each error in addition to raising it.
    libvirt.registerErrorHandler(lambda *_: None, None)
    opening = libvirt.openReadOnly if read_only else libvirt.open
    try:
        connection = opening(connect or _DEFAULT)
    except libvirt.libvirtError as error:
        msg = f"libvirt can't be reached at {connect or 'its default URI'}: {error}."
        raise EngineError(
            msg, "Name the hypervisor with --connect, such as qemu:///system."
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def _inactive(connection: libvirt.virConnect, name: str) -> Any:
    """Return the XML of a domain that is shut off."""
    import libvirt

    try:
        domain = connection.lookupByName(name)
    except libvirt.libvirtError:
        try:
            domain = connection.lookupByUUIDString(name)
        except libvirt.libvirtError as error:
            msg = f"libvirt has no domain {name}."
            raise UsageError(
                msg, "`virsh list --all` lists them; --connect names another hypervisor."
            ) from error
    if domain.isActive():
        msg = f"The domain {name} is running or paused. Nothing was changed."
        raise CheckError(msg, f"Shut it down first: virsh shutdown {name}")
    if domain.hasManagedSaveImage(0):
        msg = (
            f"The memory of the domain {name} is saved, so Windows would go on with old data. "
            "Nothing was changed."
        )
        raise CheckError(msg, f"Start the domain and shut Windows down: virsh start {name}")
    try:
        return parse(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).encode())
    except XmlError as error:
        msg = f"The XML of the domain {name} can't be read: {error}."
        raise ImageError(msg) from error


def _disks(connection: libvirt.virConnect, name: str, root: Any) -> list[Path]:
    found: list[tuple[int, Path]] = []
    for number, disk in enumerate(root.findall("devices/disk")):
        if disk.get("device", "disk") != "disk" or disk.find("readonly") is not None:
            continue
        boot = disk.find("boot")
        order = int(boot.get("order", "0")) if boot is not None else 1000 + number
        found.append((order, _place(connection, name, disk)))
    if not found:
        msg = f"The domain {name} has no disk."
        raise UsageError(msg, f"`virsh domblklist {name}` lists what it has.")
    return [path for _, path in sorted(found, key=lambda one: one[0])]


# Complex: one condition for each kind of disk that a domain may have.
def _place(connection: libvirt.virConnect, name: str, disk: Any) -> Path:
    import libvirt

    kind, source = disk.get("type", ""), disk.find("source")
    path: Path | None = None
    if source is not None and kind == "file":
        path = Path(source.get("file", ""))
    elif source is not None and kind == "block":
        path = Path(source.get("dev", ""))
    elif source is not None and kind == "volume":
        try:
            pool = connection.storagePoolLookupByName(source.get("pool", ""))
            path = Path(pool.storageVolLookupByName(source.get("volume", "")).path())
        except libvirt.libvirtError as error:
            msg = f"A disk of the domain {name} can't be found: {error}."
            raise UsageError(msg, "Start its storage pool (virsh pool-start).") from error
    elif source is not None and kind == "network" and source.get("protocol") == "nbd":
        path = _nbd(source)
    if path is None or not str(path).startswith(("/", "nbd")):
        target = disk.find("target")
        shown = target.get("dev") if target is not None else "?"
        msg = f"The disk {shown} of the domain {name} is of a kind that reseal does not open ({kind})."
        raise UsageError(msg, "Name its image or device instead of the domain.")
    driver = disk.find("driver")
    raw = driver is not None and driver.get("type") == "raw"
    if raw and kind == "file" and path.is_file() and is_container(path):
        # The guest may have written that header.
        msg = f"{path} has the header of a container, and the domain {name} uses it as raw."
        raise UsageError(msg, "Correct the format in the domain, or convert the image first.")
    return path


def _nbd(source: Any) -> Path | None:
    host = source.find("host")
    if host is None or host.get("transport", "tcp") != "tcp":
        return None
    place = f"{host.get('name', '')}:{host.get('port', '10809')}"
    return NetworkPath(f"nbd://{place}/{source.get('name', '')}")


def _rename(root: Any, machine: str, disk: Path) -> None:
    """Give the XML of a domain another name and disk, and let libvirt generate its ids."""
    name = root.find("name")
    name.text = machine
    for path in ("uuid", "title", "os/nvram"):
        for one in root.findall(path):
            one.getparent().remove(one)
    for one in root.findall("devices/interface/mac"):
        one.getparent().remove(one)
    disks = [
        one
        for one in root.findall("devices/disk")
        if one.get("device", "disk") == "disk" and one.find("readonly") is None
    ]
    first, *others = disks
    for one in others:
        one.getparent().remove(one)
    for path in ("source", "driver", "backingStore"):
        for one in first.findall(path):
            first.remove(one)
    first.set("type", "file")
    first.insert(0, etree.Element("driver", name="qemu", type=disk.suffix.lstrip(".")))
    first.insert(1, etree.Element("source", file=str(disk)))
