"""Machines composed of real hives, completed by substitutes for their programs, raise no alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.drivers.boot import service_file
from reseal.operations import Boot, BootRequest
from reseal.regf import Key
from reseal.testing.core import architecture_of
from reseal.testing.drivers import executable
from reseal.testing.machine import Machine, laid
from reseal.windows.values import number, text
from tests.builders import session
from tests.end_to_end.composed import MACHINES, Composed
from tests.rehearsal.samples import first, healthy, stage, walk, walk_session

_PROGRAMS = 0x30
_CONFIG = "Windows/System32/config/"


def files_of(corpus: Path, made: Composed) -> dict[str, Any]:
    """Return the machine hives of a composed machine, with their logs."""
    places = {"SYSTEM": f"{made.system}/SYSTEM"}
    places |= {name: f"{made.accounts}/{name}" for name in ("SAM", "SECURITY")}
    places["DEFAULT"] = made.more[f"{_CONFIG}DEFAULT"]
    config: dict[str, Any] = {}
    for name, place in places.items():
        for suffix in ("", ".LOG", ".LOG1", ".LOG2"):
            file = corpus / "machines" / f"{place}{suffix}"
            if file.exists():
                config[f"{name}{suffix}"] = file.read_bytes()
    return {"Windows": {"System32": {"config": config}}}


def completed(machine: Machine) -> Machine:
    """Return a machine with a program for each driver and each critical service of its hive."""
    registry = session(machine).registry
    program = executable(architecture_of(machine.architecture))
    files: dict[str, Any] = {}
    services = registry.key(r"HKLM\SYSTEM\CurrentControlSet\Services")
    assert services
    for key in services.subkeys():
        if path := _program(registry, key):
            inner = files
            *folders, name = path.split("\\")
            for one in folders:
                inner = inner.setdefault(one, {})
            inner[name] = program
    return healthy(
        laid(machine.files, files),
        build=machine.build,
        architecture=machine.architecture,
        product=machine.product,
        armed=False,
    )


def _program(registry: Any, key: Key) -> str | None:
    if number(key, "Type") in {1, 2, 8}:
        return service_file(registry, key)
    command = text(key, "ImagePath") or ""
    if (number(key, "Type") or 0) & _PROGRAMS and (number(key, "ErrorControl") or 0) >= 2:
        name = command.strip('"').partition(".exe")[0] + ".exe"
        found: str | None = registry.path_of(name)
        return found
    return None


@pytest.fixture(scope="module")
def machines(corpus: Path) -> dict[str, Machine]:
    return {
        name: completed(
            Machine(
                build=made.build, product=made.product, files=files_of(corpus, made),
                architecture="x86" if name.endswith("x86") else "AMD64",
            )
        )
        for name, made in MACHINES.items()
    }  # fmt: skip


@pytest.mark.corpus
@pytest.mark.parametrize("name", MACHINES)
def test_no_false_alarm(name: str, machines: dict[str, Machine]) -> None:
    record = walk(machines[name])
    assert first(record, disk=False) is None, record["stages"]
    assert record["verdict"] == "passes"


@pytest.mark.corpus
def test_drivers_of_other_hardware_are_held_back_until_they_are_enabled(
    machines: dict[str, Machine],
) -> None:
    """The machine has a RAID controller of Intel; StartOverride holds 43 other drivers back (seen)."""
    one = session(machines["10"])
    before = stage(walk_session(one, machine="kvm-sata"), "storage")
    assert before["result"] == "would stop"
    assert "storahci" in before["said"]
    assert "--enable-storage" in before["cure"]
    Boot(BootRequest(enable_storage=True)).result(one)
    assert stage(walk_session(one, machine="kvm-sata"), "storage")["result"] == "passes"
    assert stage(walk_session(one, machine="kvm-virtio"), "storage")["result"] == "would stop"
