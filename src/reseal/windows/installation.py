r"""A Windows installation in a directory tree: location, version, product type.

An installation is a folder in the root of a volume that contains `System32\config\SYSTEM` (documented: the
place of the machine hives; the folder is `Windows` unless Setup was configured otherwise). Copies in
subfolders, such as `Windows.old\Windows`, are not installations.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Any

from reseal.tree import Tree, join
from reseal.windows.names import CONFIG, CURRENT_VERSION
from reseal.windows.registry import Registry
from reseal.windows.volumes import Volumes, named

ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
PRODUCT_OPTIONS = r"HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions"

#: Architecture names in answer files and action files, by PROCESSOR_ARCHITECTURE (documented).
_ARCHITECTURES = {"AMD64": "amd64", "X86": "x86", "ARM64": "arm64", "IA64": "ia64", "ARM": "arm"}
#: ProductName of Windows 11 is still "Windows 10"; builds from 22000 are Windows 11 (documented).
_FIRST_WINDOWS_11 = 22000


class Product(StrEnum):
    """ProductType in ProductOptions (documented: Microsoft, "Getting the System Version")."""

    WORKSTATION = "WinNT"
    SERVER = "ServerNT"
    DOMAIN_CONTROLLER = "LanmanNT"


def find_installations(tree: Tree) -> list[str]:
    """Return the root folders of all installations in a tree, `Windows` first."""
    roots = [
        entry.name
        for entry in tree.list("")
        if entry.is_directory and not entry.reparse_tag and _has_hives(tree, entry.name)
    ]
    return sorted(roots, key=lambda name: (name.lower() != "windows", name.lower()))


def _has_hives(tree: Tree, root: str) -> bool:
    folder = ""
    for part in (root, *CONFIG.split("\\")):
        folder = join(folder, part)
        stat = tree.stat(folder)
        if stat is None or not stat.is_directory or stat.reparse_tag:
            return False
    return any(tree.stat(join(folder, name)) for name in ("SYSTEM", "SOFTWARE"))


class Installation:
    """One Windows installation, with its registry.

    Attributes:
        tree: its volume.
        root: its folder in the tree, such as `Windows`.
        volume: the number of its partition, from 1; 1 for a volume without a partition table; 0 for a
            folder.
        volumes: its volume with the disk's other volumes.
        registry: its hives.
    """

    def __init__(
        self,
        tree: Tree,
        root: str,
        *,
        volume: int = 0,
        volumes: Volumes | None = None,
        ignore_logs: bool = False,
    ) -> None:
        self.tree = tree
        self.root = root
        self.volume = volume
        self.volumes = volumes or Volumes(tree)
        self.registry = Registry(self.volumes, root, volume=volume, ignore_logs=ignore_logs)
        self.volumes.names = self._names

    def copy(self) -> Installation:
        """Return the installation with copies of its hives, so that edits of them have no effect here."""
        known = self.volumes
        volumes = Volumes(
            known.own, {n: partial(known.tree, n) for n in known.others}, known.partitions
        )
        copied = Installation(self.tree, self.root, volume=self.volume, volumes=volumes)
        copied.registry.source = self.registry
        copied.registry.all_volumes = self.registry.all_volumes
        return copied

    @property
    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        names = ("volume", "root", "product_name", "build")
        return {name: getattr(self, name) for name in names}

    def _names(self) -> dict[int, str]:
        return {number: named(number, self.registry.letters) for number in self.volumes.others}

    @property
    def product_name(self) -> str | None:
        """The product's name, such as `Windows 11 Pro`; None without a SOFTWARE hive."""
        name = self.registry.text(CURRENT_VERSION, "ProductName")
        if name and (self.build or 0) >= _FIRST_WINDOWS_11 and "Server" not in name:
            return name.replace("Windows 10", "Windows 11")
        return name

    @property
    def edition(self) -> str | None:
        """EditionID, such as `Professional` or `ServerStandard`."""
        return self.registry.text(CURRENT_VERSION, "EditionID")

    @property
    def version(self) -> str | None:
        """The marketing version, such as `22H2`, `1809` or `6.1`."""
        for name in ("DisplayVersion", "ReleaseId", "CurrentVersion"):
            text = self.registry.text(CURRENT_VERSION, name)
            if text:
                return text
        return None

    @property
    def build(self) -> int | None:
        """The build number, such as 22631."""
        for name in ("CurrentBuildNumber", "CurrentBuild"):
            text = self.registry.text(CURRENT_VERSION, name)
            if text and text.isascii() and text.isdigit():
                return int(text)
        return None

    @property
    def architecture(self) -> str | None:
        """`amd64`, `x86` or `arm64`, as in action files and answer files."""
        text = self.registry.text(ENVIRONMENT, "PROCESSOR_ARCHITECTURE")
        return _ARCHITECTURES.get(text.upper(), text.lower()) if text else None

    @property
    def install_type(self) -> str | None:
        """`Client`, `Server` or `Server Core`."""
        return self.registry.text(CURRENT_VERSION, "InstallationType")

    @property
    def is_domain_controller(self) -> bool:
        """Whether it is a domain controller."""
        return self.registry.text(PRODUCT_OPTIONS, "ProductType") == Product.DOMAIN_CONTROLLER

    @property
    def is_server(self) -> bool:
        """Whether it is a Windows Server, including domain controllers."""
        kind = self.registry.text(PRODUCT_OPTIONS, "ProductType")
        if kind is not None:
            return kind in {Product.SERVER, Product.DOMAIN_CONTROLLER}
        return (self.install_type or "").startswith("Server")

    @property
    def system_drive(self) -> str | None:
        r"""The drive letter of Windows' own volume, such as `C:`."""
        text = self.registry.text(CURRENT_VERSION, "SystemRoot")
        if text and len(text) > 1 and text[0].isascii() and text[0].isalpha() and text[1] == ":":
            return text[:2].upper()
        return None

    def path(self, *parts: str) -> str:
        """A path below the Windows folder."""
        return join(self.root, *parts)
