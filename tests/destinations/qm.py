"""A replacement for Proxmox's `qm`: checks its arguments by qm(1), and keeps the machine."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

_DISK = r"(?P<storage>[a-z][\w-]*):(?P<size>\d+)"
#: Options of `qm create` and `qm set`, with the form of their values (qm(1)).
_OPTIONS = {
    "name": r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?",
    "ostype": r"win11|win10|win8|win7",
    "memory": r"\d+",
    "cores": r"\d+",
    "machine": r"q35|pc",
    "bios": r"ovmf|seabios",
    "scsihw": r"virtio-scsi-single|virtio-scsi-pci",
    "net0": r"(virtio|e1000e?),bridge=vmbr\d+",
    "agent": r"enabled=1",
    "efidisk0": _DISK + r",efitype=(4m|2m)(,pre-enrolled-keys=[01])?",
    "tpmstate0": _DISK + r",version=v(2\.0|1\.2)",
    "boot": r"order=[a-z]+\d",
    **{
        f"{bus}0": _DISK + r",import-from=(?P<source>/[^,]+)"
        for bus in ("scsi", "virtio", "sata", "ide")
    },
}


def main(arguments: list[str], kept: Path) -> None:
    command, vmid, *rest = arguments
    machine = json.loads(kept.read_text()) if kept.exists() else None
    assert re.fullmatch(r"[1-9]\d{2,8}", vmid), vmid
    assert (command == "create") == (machine is None), command
    assert command in {"create", "set"}
    machine = machine or {"vmid": vmid}
    assert machine["vmid"] == vmid
    assert len(rest) % 2 == 0
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        name = option.removeprefix("--")
        found = re.fullmatch(_OPTIONS[name], value)
        assert found, (name, value)
        if source := found.groupdict().get("source"):
            assert Path(source).is_file(), source
            assert found["size"] == "0"
        machine[name] = value
    if order := machine.get("boot"):
        assert order.removeprefix("order=") in machine
    assert not ("efidisk0" in machine and machine["bios"] != "ovmf")
    assert not (machine["machine"] == "q35" and "ide0" in machine)
    kept.write_text(json.dumps(machine))


if __name__ == "__main__":
    main(sys.argv[2:], Path(sys.argv[1]))
