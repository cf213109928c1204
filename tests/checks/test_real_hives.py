"""The checks on hives that Windows wrote: every finding was looked at, and is explained here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reseal import checks
from reseal.checks import Finding
from reseal.session import Session
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from tests.builders import CLEAN
from tests.end_to_end import real_machine

#: What no image tells, what a tree in memory does not tell, and the storage drivers that are missing or
#: whose files the sample has not.
ALWAYS = {"rearm": "note", "encrypted-files": "note", "storage-drivers": "note"}


def run(files: dict[str, Any], *switches: str) -> dict[str, Finding]:
    """What the checks find, by check, where it is not all well."""
    installation = Installation(MemoryTree(files), "Windows", volume=1)
    session = Session(installation, volume_state=CLEAN, switches=frozenset(switches))
    return {one.check: one for one in checks.run(session) if one.level != "ok"}


def levels(found: dict[str, Finding]) -> dict[str, str]:
    """How much each matters."""
    return {name: one.level.value for name, one in found.items()}


def with_hives(machine: Machine, folder: Path) -> dict[str, Any]:
    """A sample machine with the hives of a real one in place of its own."""
    files = tree(machine)
    config = files["Windows"]["System32"]["config"]
    for name in ("SYSTEM", "SAM", "SECURITY"):
        for path in folder.glob(f"{name}*"):
            config[path.name] = path.read_bytes()
    return files


def test_windows_10(corpus: Path) -> None:
    """A laptop with Windows 10 1709 (SYSTEM) and 21H1 (SAM, SECURITY, users): fit to be generalized.

    - pending-renames: 16 pairs in PendingFileRenameOperations, left by Windows Installer, Dropbox,
      a driver's setup and NVIDIA's; all of them deletions.
    - no passwords: Andrew Rathbun has none, but the policy asks for nothing.
    - no build-leftovers: LSA has a secret DefaultPassword, as other finished installations do, but nobody
      logs on automatically.
    - no windows-update: wuauserv and UsoSvc start on demand; WaaSMedicSvc came with 1803.
    - no server-roles: ProductType is WinNT, and NTDS a key without ImagePath.
    - no domain: PolPrDmS is empty.
    - storage-drivers: it starts from a RAID controller of Intel's (iaStorAV), so a StartOverride holds
      back AHCI and all others; of their files the sample has those two.
    """
    files = tree(real_machine.machine(corpus))
    files["Windows"]["System32"]["drivers"]["iaStorAV.sys"] = b"MZ"
    found = run(files)
    assert "other controllers: iaStorAV" in found["storage-drivers"].items
    assert "SATA (AHCI): storahci (switched off)" in found["storage-drivers"].items
    assert "virtio block (viostor): no driver" in found["storage-drivers"].items
    assert levels(found) == ALWAYS | {"pending-renames": "warning"}
    renames = found["pending-renames"]
    assert len(renames.items) == 16
    assert renames.items[0] == r"delete \??\C:\Config.Msi\a014fa5.rbf"
    assert all(item.startswith("delete ") for item in renames.items)


def test_windows_10_is_no_virtual_machine(corpus: Path) -> None:
    """HardwareConfig names a Dell Latitude; VM mode is nothing for it."""
    found = run(tree(real_machine.machine(corpus)), "mode:vm")
    assert found["vm-mode"].level == "error"
    assert "Dell Inc. Latitude E6430" in found["vm-mode"].message


def test_windows_7_of_a_domain(corpus: Path) -> None:
    """WKS-WIN732BITA, a 32-bit Windows 7 SP1 on VMware.

    - domain: SECURITY is not at hand; without it the DNS domain of TCP/IP tells.
    - no upgraded: SYSTEM\\Setup has neither Source OS nor Upgrade.
    - no server-roles: a client; its Fax service belongs to the client, W3SVC has no ImagePath.
    - no appx-service: Windows 7 has none.
    - VM mode would be right: the devices under Enum are VMware's, among those of older hardware. Two of its
      adapters have addresses set by hand, which VM mode would keep.
    - storage-drivers: it starts from LSI Logic SAS; AHCI (msahci) waits for its device, so does
      storvsc, which generalizing leaves as it is.
    """
    machine = Machine(
        build=7601, product="Windows 7 Professional", version="6.1", architecture="x86"
    )
    files = with_hives(machine, corpus / "machines" / "win7sp1-x86-domain-joined")
    del files["Windows"]["System32"]["config"]["SECURITY"]
    for name in ("intelide", "lsi_sas", "msahci", "storvsc", "vmbus"):
        files["Windows"]["System32"]["drivers"][f"{name}.sys"] = b"MZ"
    found = run(files, "mode:vm")
    assert found["hives"].message.endswith("SECURITY is missing.")
    assert levels(found) == ALWAYS | {"hives": "error", "domain": "warning", "vm-mode": "warning"}
    assert found["vm-mode"].items == ("10.3.58.5", "192.168.1.123")
    assert "shieldbase.local" in found["domain"].message
    assert [one for one in found["storage-drivers"].items if not one.endswith("no driver")] == [
        "SATA (AHCI): msahci (switched off)",
        "IDE: intelide",
        "LSI Logic SAS: LSI_SAS",
    ]


def test_windows_8_1_of_a_domain(corpus: Path) -> None:
    """STUDENT-PC8: SAM and SECURITY of a Windows 8.1; the other hives are made.

    - domain: PolPrDmS holds the SID of internal.greendale.edu.
    - no passwords: the domain's policy asks for seven characters of several kinds, and who has no
      password (Guest) is disabled.
    """
    machine = Machine(build=9600, product="Windows 8.1 Pro", version="6.3")
    found = run(with_hives(machine, corpus / "machines" / "win81-domain-joined"))
    assert levels(found) == ALWAYS | {"domain": "warning"}
    assert "internal.greendale.edu" in found["domain"].message
