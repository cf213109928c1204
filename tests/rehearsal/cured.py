"""Carry out the cure that a rehearsal names, and rehearse again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reseal.customize.run import Customization
from reseal.customize.steps import STEPS
from reseal.disk import FileDevice
from reseal.operations import Boot, BootRequest, Writing
from reseal.operations.repair import _repaired
from reseal.run.disk import OpenedDisk
from reseal.session import Session
from reseal.testing.machine import Machine
from tests.builders import session
from tests.rehearsal.samples import Record, walk_disk, walk_session


def repaired(path: Path, family: str | None = None) -> Record:
    """Do what `reseal boot IMAGE --repair` does to a raw disk; return its record."""
    device = FileDevice(path, read_only=False)
    try:
        return _repaired(OpenedDisk(device, "the sample"), Writing(), family, lambda _: None)
    finally:
        device.close()


def _boot(**request: bool) -> Callable[[Session], object]:
    return Boot(BootRequest(**request)).result  # type: ignore[arg-type]


def _step(option: str) -> Callable[[str], Callable[[Session], object]]:
    def words(word: str) -> Callable[[Session], object]:
        step = STEPS[option.removeprefix("--")]
        return Customization([step.parse(tuple(word.split(":")), option, Path())]).stage

    return words


#: What carries out the cure of a machine, by the words that the cure has.
CURES: dict[str, Callable[[str], Callable[[Session], object]]] = {
    "--enable-storage": lambda _: _boot(enable_storage=True),
    "--recover": lambda _: _boot(recover=True),
    "--oobe": lambda _: _boot(oobe=True),
    "--remove-filter": _step("--remove-filter"),
    "--service": _step("--service"),
    "--reg-set": _step("--reg-set"),
}


def cured_machine(sample: Machine, cure: str, /, **request: str) -> Record | None:
    """Carry out a cure on a machine in memory, and rehearse it; None if it takes more than one command.

    Args:
        sample: the faulty machine.
        cure: the cure that the rehearsal names.
        request: the machine of the rehearsal.
    """
    words = cure.replace(",", " ").split()
    for option, carry_out in CURES.items():
        if option in words:
            after = words.index(option) + 1
            one = session(sample)
            carry_out(words[after] if after < len(words) else "")(one)
            one.verify()
            return walk_session(one, **request)
    return None


def cured_disk(path: Path, cure: str, /, **request: str) -> Record | None:
    """The same on a raw disk."""
    if "--repair" not in cure.split():
        return None
    repaired(path)
    return walk_disk(path, **request)
