"""A virtual machine that runs until Windows shuts it down."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

#: The firmware in Debian and Ubuntu.
FIRMWARE = (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd"))
#: A Windows ISO waits about five seconds for a key.
_KEYS, _BETWEEN = 20, 1.0


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine.

    Attributes:
        disk: its disk, a qcow2 image.
        work: a folder for its socket and the variables of its firmware.
        iso: the ISO in its drive, or None.
        answers: a folder that it sees as a USB stick, or None.
        accelerator: `kvm`; `tcg` to test whether QEMU accepts the command line.
    """

    disk: Path
    work: Path
    iso: Path | None = None
    answers: Path | None = None
    accelerator: str = "kvm"

    def command(self) -> list[str]:
        """The command line of QEMU."""
        code, variables = FIRMWARE
        own = self.work / f"{self.disk.stem}.vars.fd"
        if not own.exists():
            own.write_bytes(variables.read_bytes())
        # All versions of Windows have drivers for AHCI and e1000e.
        line = [
            "qemu-system-x86_64", "-machine", f"q35,accel={self.accelerator}", "-smp", "2", "-m", "4096",
            "-cpu", "host" if self.accelerator == "kvm" else "max",
            "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,file={own}",
            "-drive", f"if=none,id=disk,format=qcow2,file={self.disk}",
            "-device", "ahci,id=ahci", "-device", "ide-hd,drive=disk,bus=ahci.0",
            "-nic", "none", "-display", "none",
            "-qmp", f"unix:{self.socket},server=on,wait=off",
        ]  # fmt: skip
        if self.iso:
            line += ["-drive", f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={self.iso}"]
            line += ["-device", "ide-cd,drive=cd,bus=ahci.1"]
        if self.answers:
            line += ["-device", "qemu-xhci"]
            line += ["-drive", f"if=none,id=stick,format=raw,file=fat:rw:{self.answers}"]
            line += ["-device", "usb-storage,drive=stick,removable=on"]
        return line

    @property
    def socket(self) -> Path:
        """The socket for commands to QEMU."""
        return self.work / f"{self.disk.stem}.qmp"

    def run(self, minutes: float) -> None:
        """Run it until Windows shuts it down.

        Raises:
            TimeoutError: it did not shut down in time, and was killed.
            RuntimeError: QEMU failed.
        """
        self.socket.unlink(missing_ok=True)
        process = subprocess.Popen(self.command())
        try:
            if self.iso:
                for _ in range(_KEYS):
                    time.sleep(_BETWEEN)
                    self.tell("send-key", keys=[{"type": "qcode", "data": "ret"}])
            if process.wait(minutes * 60):
                msg = f"QEMU ended with {process.returncode}"
                raise RuntimeError(msg)
        except subprocess.TimeoutExpired:
            msg = f"{self.disk} still runs after {minutes:.0f} minutes"
            raise TimeoutError(msg) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def tell(self, command: str, **arguments: object) -> dict[str, object]:
        """Send a command to QEMU, and return its answer."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.socket))
            file = line.makefile("rw")
            file.readline()
            answer: dict[str, object] = {}
            for request in ("qmp_capabilities", command):
                more = arguments if request == command else {}
                file.write(json.dumps({"execute": request, "arguments": more}) + "\n")
                file.flush()
                answer = json.loads(file.readline())
                while "event" in answer:
                    answer = json.loads(file.readline())
            return answer
