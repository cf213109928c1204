"""Fleets for tests, and other people's look at their machines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from reseal.windows import Sid
from tests.end_to_end import judges
from tests.specialize.test_specialize import Look, text

SIZE = 48 << 20


def golden(path: Path, *arguments: str) -> Path:
    """Make a generalized sample image."""
    windows(path, Machine(users=("Alice",)), size=SIZE)
    judges.generalize(path, *arguments)
    return path


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def run(golden: Path, fleet: Path, folder: Path, *arguments: object, code: int = 0) -> Any:
    """Run `reseal clone` and return the record of the run."""
    done = judges.reseal(
        "clone", golden, "--machines", fleet, "--output-dir", folder, "--json", "--quiet",
        *map(str, arguments),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def record(folder: Path) -> list[dict[str, Any]]:
    """The machines of a fleet.json."""
    found: list[dict[str, Any]] = json.loads((folder / "fleet.json").read_text())["machines"]
    return found


def prove(entry: dict[str, Any], folder: Path, scratch: Path) -> Look:
    """Let others say that a machine is what its entry says, and return their look at it."""
    image = folder / entry["path"]
    identity = entry["identity"]
    assert image.stat().st_size == entry["size"]
    sha256 = subprocess.run(["sha256sum", image], check=True, capture_output=True, text=True)
    assert sha256.stdout.split()[0] == entry["sha256"]
    subprocess.run(["qemu-img", "check", "-q", image], check=True)
    look = Look(image, scratch)
    system, security = look.hive("SYSTEM"), look.hive("SECURITY")
    name = system[r"ControlSet001\Control\ComputerName\ComputerName"]["ComputerName"]
    assert text(name) == identity["computer_name"].upper()
    guid = look.hive("SOFTWARE")[r"Microsoft\Cryptography"]["MachineGuid"]
    assert text(guid) == identity["machine_guid"]
    # Never two answers: either Windows is asked for this SID, or it stands in the hives.
    request = system.get(r"Setup\SetupCl\PendingRequest", {})
    execute = text(system[r"ControlSet001\Control\Session Manager"]["SETUPEXECUTE"]).lower()
    own = security[r"Policy\PolAcDmS"][""][1]
    if identity["sid_when"] == "next boot":
        assert request["OperationFlags"] == (4, b"\4\0\0\0")
        assert "setupcl.exe" in execute
        wanted = identity["machine_sid"]
        chosen = request.get("SidAccountDomainNew")
        assert chosen == ((3, Sid.parse(wanted).to_bytes()) if wanted else None)
    else:
        assert request == {}
        assert "setupcl" not in execute
        assert own == Sid.parse(identity["machine_sid"]).to_bytes()
    return look
