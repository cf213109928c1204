"""Real firmware in QEMU, emulated in software: OVMF for UEFI, SeaBIOS for BIOS."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from reseal.testing.firmware import EXIT_CODE, EXIT_PORT

#: Where Debian and Ubuntu put OVMF.
OVMF = (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd"))
_QEMU = "qemu-system-x86_64"
#: The machine takes a few seconds; a machine that hangs must end some day.
_LONGEST = 100


def uefi(image: Path) -> str:
    """Start a disk from OVMF, without any boot entry in its memory; return the serial console."""
    if not all(one.is_file() for one in OVMF):
        pytest.skip("OVMF is not installed (apt install ovmf)")
    variables = image.with_suffix(".vars")
    shutil.copyfile(OVMF[1], variables)
    flash = "if=pflash,format=raw"
    return _start(
        image,
        *("-machine", "q35", "-m", "256"),
        *("-drive", f"{flash},unit=0,readonly=on,file={OVMF[0]}"),
        *("-drive", f"{flash},unit=1,file={variables}"),
    )


def bios(image: Path) -> str:
    """Start a disk from SeaBIOS; return what was written to the serial port."""
    return _start(image, "-machine", "pc", "-m", "64")


def bios_screen(image: Path, awaited: str) -> str:
    """Start a disk from SeaBIOS that does not get far; return what is shown, once it has `awaited`."""
    command = _command(image, "-machine", "pc,graphics=off", "-m", "64")
    shown = b""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as machine:
        assert machine.stdout
        watch = threading.Timer(_LONGEST, machine.kill)
        watch.start()
        # A line that has begun is shown to its end.
        while awaited.encode() not in shown or not shown.endswith(b"\n"):
            part = os.read(machine.stdout.fileno(), 4096)
            if not part:
                break
            shown += part
        watch.cancel()
        machine.kill()
    return shown.decode(errors="replace")


def _start(image: Path, *arguments: str) -> str:
    done = subprocess.run(
        _command(image, *arguments),
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LONGEST,
    )
    assert done.returncode == 2 * EXIT_CODE + 1, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace")


def _command(image: Path, *arguments: str) -> list[str]:
    if shutil.which(_QEMU) is None:
        pytest.skip(f"{_QEMU} is not installed (apt install qemu-system-x86)")
    return [
        *(_QEMU, "-accel", "tcg", *arguments, "-no-reboot"),
        *("-display", "none", "-net", "none", "-serial", "stdio", "-monitor", "none"),
        *("-drive", f"file={image},format={image.suffix[1:]},if=none,id=disk,snapshot=on"),
        *("-device", "ide-hd,drive=disk"),
        *("-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=4"),
    ]
