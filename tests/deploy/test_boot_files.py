"""Which files start a Windows, and images that lack them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from reseal.deploy import boot_files, drive_letters, recovery
from reseal.deploy.layout import Firmware, plan
from reseal.errors import CheckError, ImageError, ResealError
from reseal.regf import types
from reseal.session import Session
from reseal.testing.firmware import AGENT, bootable, efi_manager
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import Link, MemoryTree
from reseal.windows import Installation
from reseal.windows.volumes import MOUNTED_DEVICES, mounted_as

UEFI, BIOS = Firmware.UEFI, Firmware.BIOS


def installation(more: dict[str, Any] | None = None, **fields: Any) -> Installation:
    """A sample in memory with boot files; `more` is laid over them, None removes an entry."""
    files = _laid(bootable(), more or {})
    return Installation(MemoryTree(tree(Machine(files=files, **fields))), "Windows", volume=1)


def _laid(spec: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = dict(spec)
    for name, value in more.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = _laid(result[name], value)
        else:
            result[name] = value
    return result


def boot(**files: Any) -> dict[str, Any]:
    return {"Windows": {"Boot": files}}


@pytest.mark.parametrize(
    ("machine", "architecture", "name"),
    [
        (0x8664, "AMD64", "bootx64.efi"),
        (0xAA64, "ARM64", "bootaa64.efi"),
        (0x14C, "x86", "bootia32.efi"),
    ],
)
def test_the_general_name_is_that_of_the_architecture(
    machine: int, architecture: str, name: str
) -> None:
    manager = efi_manager("x", machine=machine)
    found = boot_files.collect(
        installation(boot(EFI={"bootmgfw.efi": manager}), architecture=architecture), UEFI
    )
    assert found.files[rf"EFI\Boot\{name}"] == manager
    assert [path for path in found.files if path.startswith("EFI\\Boot\\")] == [rf"EFI\Boot\{name}"]


@pytest.mark.parametrize(
    ("folders", "locale"),
    [
        ({}, "en-US"),
        ({"en-US": None}, "de-DE"),
        ({"en-US": None, "de-DE": None}, "en-US"),
        ({"en-US": None, "de-DE": None, "CIPolicies": {"x.cip": b"x"}}, "en-US"),
        ({"en-US": None, "de-DE": None, "sr-Latn-RS": {"x.mui": b"x"}}, "sr-Latn-RS"),
    ],
)
def test_the_menu_speaks_a_language_of_the_image(folders: dict[str, Any], locale: str) -> None:
    assert boot_files.collect(installation(boot(EFI=folders)), UEFI).locale == locale


@pytest.mark.parametrize(
    ("more", "firmware", "error", "message"),
    [
        (boot(EFI={"bootmgfw.efi": None}), UEFI, ImageError, r"bootmgfw\.efi is missing"),
        (boot(PCAT=None), BIOS, ImageError, r"PCAT\\bootmgr is missing"),
        ({"Windows": {"Boot": None}}, UEFI, ImageError, "is missing"),
        (
            {"Windows": {"System32": {"config": {"BCD-Template": None}}}},
            UEFI, ImageError, "BCD-Template is missing",
        ),
        (
            {"Windows": {"System32": {"winload.exe": None}}},
            BIOS, ImageError, r"winload\.exe is missing",
        ),
        (boot(EFI={"bootmgfw.efi": b"not a program"}), UEFI, ImageError, "not an EFI program"),
        (
            boot(EFI={"bootmgfw.efi": b"MZ".ljust(60, b"\0") + b"\xff" * 4}),
            UEFI, ImageError, "not an EFI program",
        ),
        (
            boot(EFI={"bootmgfw.efi": efi_manager("x", machine=0x5064)}),
            UEFI, ImageError, "unknown machine",
        ),
        (
            boot(EFI={"bootmgfw.efi": efi_manager("x", machine=0xAA64)}),
            UEFI, ImageError, "for amd64, but its boot manager is for arm64",
        ),
        (boot(EFI={"..": b"x"}), UEFI, ImageError, "not a known boot file"),
        (boot(EFI={"a/b": b"x"}), UEFI, ImageError, "not a known boot file"),
        (boot(Fonts={"\x07bell": b"x"}), UEFI, ImageError, "not a known boot file"),
        (boot(EFI={"huge.bin": bytes(91 << 20)}), UEFI, ImageError, "more files than the boot"),
        (
            boot(Fonts={f"f{number}.ttf": b"" for number in range(2100)}),
            BIOS, ImageError, "more files than the boot",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_named(
    more: dict[str, Any], firmware: Firmware, error: type[ResealError], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        boot_files.collect(installation(more), firmware)
    assert raised.value.hint


def test_windows_for_arm_has_no_bios() -> None:
    with pytest.raises(CheckError, match="only from UEFI"):
        boot_files.require(installation(architecture="ARM64"), BIOS)


def test_a_link_among_the_boot_files_is_left_alone() -> None:
    found = boot_files.collect(installation(boot(EFI={"elsewhere": Link()})), UEFI)
    assert not [path for path in found.files if "elsewhere" in path]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Recovery": {"Winre.wim": None}}, r"Winre\.wim is missing"),
        ({"Recovery": {"Winre.wim": b""}}, r"Winre\.wim is missing"),
    ],
)
def test_an_image_without_a_recovery_environment_is_refused(
    more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        recovery.require(installation({"Windows": {"System32": more}}), 1 << 30)
    with pytest.raises(ImageError, match=r"boot\.sdi is missing"):
        recovery.require(installation(boot(DVD=None)), 1 << 30)
    with pytest.raises(ImageError, match="does not fit"):
        recovery.require(installation(), 64 << 20)


@pytest.mark.parametrize(("state", "said"), [("1", True), ("0", False)])
def test_a_recovery_environment_that_stays_behind_is_told(state: str, said: bool) -> None:
    agent = AGENT.replace(b'<InstallState state="0"/>', f'<InstallState state="{state}"/>'.encode())
    more = {"Windows": {"System32": {"Recovery": {"ReAgent.xml": agent}}}}
    session = Session(installation(more))
    recovery.forget(session)
    assert bool(session.notes) is said
    assert session.changes == []


@pytest.mark.parametrize("agent", [b"<not xml", None, b"x" * (65 << 10)])
def test_a_damaged_agent_file_is_left_alone(agent: bytes | None) -> None:
    more = {"Windows": {"System32": {"Recovery": {"ReAgent.xml": agent}}}}
    session = Session(installation(more))
    place = plan(3 << 30, UEFI, recovery=True).recovery
    assert place
    recovery.register(session, place, UUID(int=1))
    recovery.forget(session)
    recovery.move(session, 1, 2)
    assert session.changes == []
    assert "reagentc /enable" in session.notes[0]


# Drive letters

WINDOWS = plan(2 << 30, UEFI, recovery=False).windows
OLD, OTHER = b"DMIO:ID:" + bytes(range(16)), b"\1\2\3\4" + bytes(8)


def _mounted(values: dict[str, bytes | None], drive: str = "C:") -> tuple[str, dict[str, bytes]]:
    """What becomes of MountedDevices; None removes one of the sample's own values."""
    own = {
        rf"\DosDevices\{drive}": None,
        r"\??\Volume{c5e31a3c-0000-0000-0000-100000000000}": None,
    }
    session = Session(installation(system={"MountedDevices": own | values}, drive=drive))
    letter = drive_letters.settle(session, WINDOWS)
    key = session.registry.key(MOUNTED_DEVICES)
    assert key
    assert all(value.type == types.REG_BINARY for value in key.values())
    return letter, {value.name: value.data for value in key.values()}


def test_what_named_the_old_partition_names_the_new_one() -> None:
    new = mounted_as(WINDOWS)
    assert _mounted({r"\DosDevices\C:": OLD, r"\??\Volume{1}": OLD, r"\DosDevices\D:": OTHER}) == (
        "C:",
        {r"\DosDevices\C:": new, r"\??\Volume{1}": new, r"\DosDevices\D:": OTHER},
    )


def test_a_generalized_image_needs_no_mapping() -> None:
    assert _mounted({}) == ("C:", {})


def test_a_windows_under_another_letter_gets_its_mapping() -> None:
    assert _mounted({}, "E:") == ("E:", {r"\DosDevices\E:": mounted_as(WINDOWS)})


def test_mappings_have_the_forms_of_real_hives() -> None:
    place = plan(2 << 30, BIOS, recovery=False).windows
    data = mounted_as(place) or b""
    assert len(data) == 12
    assert int.from_bytes(data[:4], "little") == int(place.disk, 16)
    assert int.from_bytes(data[4:], "little") == place.offset
    assert len(mounted_as(WINDOWS) or b"") == 24
