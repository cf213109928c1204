"""Listings: as bcdedit prints them, each line justified by the raw hive."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from reseal.bcd import Store, listing, to_json
from reseal.bcd.devices import GptPartition
from reseal.regf import Hive
from reseal.testing.boot import boot_store
from tests import oracles
from tests.bcd.stores import REAL, TEMPLATES, real

#: What bcdedit shows of the loader and the recovery environment of the real store, from its raw values:
#: 25000020 = 0 is OptIn, 250000c2 = 1 Standard, 15000065 and 15000066 = 3 Recovery, and so on. Names,
#: order and columns are those of published listings of `bcdedit /enum` of Windows 10. bcdedit has drive
#: letters where this has the ids of the partition.
LOADER = r"""
Windows Boot Loader
-------------------
identifier              {default}
device                  partition=OWN
path                    \Windows\system32\winload.efi
description             Windows 10
locale                  en-US
inherit                 {bootloadersettings}
recoverysequence        {733b62e6-f608-11eb-825c-c112f60133ab}
displaymessageoverride  Recovery
recoveryenabled         Yes
isolatedcontext         Yes
allowedinmemorysettings 0x15000075
osdevice                partition=OWN
systemroot              \Windows
resumeobject            {733b62e4-f608-11eb-825c-c112f60133ab}
nx                      OptIn
bootmenupolicy          Standard
""".strip().replace(
    "OWN", "{8e0f2c38-e4ea-47ba-b7fc-9d8c74dccf0b}@{0b2394a9-095e-487d-8d48-719ecd4d78ca}"
)
RECOVERY = r"""
displaymessage          Recovery
osdevice                ramdisk=[{6cdfcd69-de75-4490-8f99-5a84bf264917}@{0b2394a9-095e-487d-8d48-719ecd4d78ca}]\Recovery\WindowsRE\Winre.wim,{733b62e7-f608-11eb-825c-c112f60133ab}
systemroot              \windows
nx                      OptIn
bootmenupolicy          Standard
winpe                   Yes
custom:46000010         Yes
""".strip()  # noqa: E501
SETTINGS = """
EMS Settings
------------
identifier              {emssettings}
bootems                 No

Debugger Settings
-----------------
identifier              {dbgsettings}
debugtype               Local

RAM Defects
-----------
identifier              {badmemory}

Global Settings
---------------
identifier              {globalsettings}
inherit                 {dbgsettings}
                        {emssettings}
                        {badmemory}

Boot Loader Settings
--------------------
identifier              {bootloadersettings}
inherit                 {globalsettings}
                        {hypervisorsettings}

Hypervisor Settings
-------------------
identifier              {hypervisorsettings}
hypervisordebugtype     Serial
hypervisordebugport     1
hypervisorbaudrate      115200

Resume Loader Settings
----------------------
identifier              {resumeloadersettings}
inherit                 {globalsettings}
""".strip()


def test_a_real_store_is_listed_as_bcdedit_lists_it(corpus: Path) -> None:
    text = "\n".join(listing(real(corpus, "hives/BCD"), everything=True))
    assert LOADER in text
    assert RECOVERY in text
    assert SETTINGS in text
    headings = [line for line in text.splitlines() if line and line[0].isupper()]
    assert headings == [
        "Firmware Boot Manager", "Windows Boot Manager", "Firmware Application (101fffff)",
        "Firmware Application (101fffff)", "Firmware Application (101fffff)",
        "Windows Boot Loader", "Windows Boot Loader", "Resume from Hibernate",
        "Windows Memory Tester", "EMS Settings", "Debugger Settings", "RAM Defects",
        "Global Settings", "Boot Loader Settings", "Hypervisor Settings",
        "Resume Loader Settings", "Device options",
    ]  # fmt: skip


def test_the_menu_is_the_boot_manager_and_what_it_displays(corpus: Path) -> None:
    lines = list(listing(real(corpus, "hives/BCD")))
    headings = [line for line in lines if line and line[0].isupper()]
    assert headings == ["Windows Boot Manager", "Windows Boot Loader"]
    assert "displayorder            {default}" in lines
    assert "toolsdisplayorder       {memdiag}" in lines
    assert "timeout                 30" in lines
    first = [line for line in listing(real(corpus, TEMPLATES[0])) if line and line[0].isupper()]
    assert first == ["Windows Boot Manager"]


@pytest.mark.parametrize("name", REAL)
def test_every_element_that_hivex_sees_has_its_line(corpus: Path, name: str) -> None:
    raw = oracles.hivex((corpus / name).read_bytes())
    elements = [path for path in raw if "\\Elements\\" in path]
    store = real(corpus, name)
    lines = list(listing(store, everything=True))
    named = [line for line in lines if line[:1].islower() and not line.startswith("identifier")]
    assert len(named) == len(elements)
    # bcdedit names all of them but two of the templates.
    unnamed = {line.split()[0] for line in named if line.startswith("custom:")}
    assert unnamed <= {f"custom:{number}" for number in (
        "42000002", "42000003", "45000001", "46000004", "46000010", "47000005", "47000006",
    )}  # fmt: skip
    assert sum(line.startswith("identifier") for line in lines) == len(list(store))


@pytest.mark.parametrize("name", REAL)
def test_plain_data_holds_all_of_it(corpus: Path, name: str) -> None:
    raw = oracles.ORACLES["dissect.regf"]((corpus / name).read_bytes())
    described = to_json(real(corpus, name))
    found = {
        f"objects\\{one['id']}\\elements\\{element['number']}": element["hex"]
        for one in described
        for element in one["elements"]
    }
    assert found == {
        path.lower(): values["Element"][1].hex()
        for path, values in raw.items()
        if "\\Elements\\" in path
    }


def test_partitions_of_an_image_have_their_numbers_and_located_devices_their_paths() -> None:
    system, windows = (GptPartition(uuid.UUID(int=n), uuid.UUID(int=9)) for n in (1, 2))
    store = Store(Hive.open(boot_store(system, windows, uefi=True)))
    text = "\n".join(listing(store, everything=True, places={system: 1, windows: 3}))
    assert "identifier              {bootmgr}\ndevice                  partition=1" in text
    assert "osdevice                partition=3" in text
