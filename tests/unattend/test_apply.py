"""Answer files applied to sample machines in memory; other people's readers judge the hives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reseal.answerfile import AnswerFile, AnswerFileError, Pass
from reseal.answerfile.secrets import DELETED
from reseal.errors import CheckError
from reseal.regf import types
from reseal.session import Session
from reseal.sysprep import arm
from reseal.sysprep.arm import Target
from reseal.sysprep.generalize import Outcome, generalize
from reseal.testing.machine import Machine
from reseal.testing.memory import MemoryTree
from reseal.unattend import apply as unattend
from reseal.unattend.apply import Request
from reseal.windows import setup
from tests import oracles
from tests.answerfile.samples import (
    DEPLOYMENT,
    DNS,
    SHELL,
    component,
    document,
    one,
    package,
    servicing,
    settings,
)
from tests.answerfile.samples import unattend as answers
from tests.builders import session

PNP = "Microsoft-Windows-PnpSysprep"
SPP = "Microsoft-Windows-Security-SPP"
RDP = "Microsoft-Windows-TerminalServices-LocalSessionManager"
LUA = "Microsoft-Windows-LUA-Settings"
CACHE = r"Windows\Panther\unattend.xml"
NT = r"Microsoft\Windows NT\CurrentVersion"
NAMED = one("specialize", SHELL, "<ComputerName>PC-1</ComputerName>")


def generalized(target: Target = Target.OOBE, **fields: Any) -> Session:
    """A session on an image that was generalized before."""
    first = session(Machine(**fields))
    generalize(first, target)
    memory = first.installation.tree
    assert isinstance(memory, MemoryTree)
    first.commit(memory)
    return again(first)


def again(one: Session) -> Session:
    """A new session on the same image."""
    installation = type(one.installation)(one.installation.tree, "Windows", volume=1)
    return Session(installation, volume_state=one.volume_state)


def apply(image: Session, text: str, **options: Any) -> unattend.Outcome:
    outcome = unattend.apply(image, Request(document(text), **options))
    image.commit(image.installation.tree)
    return outcome


def seal(image: Session, text: str, target: Target = Target.OOBE, **options: Any) -> Outcome:
    outcome = generalize(image, target, None, Request(document(text), **options))
    image.commit(image.installation.tree)
    return outcome


def judged(image: Session, hive: str) -> oracles.Tree:
    """A hive as hivex and regipy read it; they have to agree."""
    data = image.installation.tree.read(rf"Windows\System32\config\{hive}")
    found = oracles.hivex(data)
    assert oracles.ORACLES["regipy"](data) == found
    return found


def number(value: int) -> tuple[int, bytes]:
    return types.REG_DWORD, types.encode(types.REG_DWORD, value)


def text(value: str) -> tuple[int, bytes]:
    return types.REG_SZ, types.encode(types.REG_SZ, value)


# Where the file goes


def test_a_generalized_image_gets_it_into_the_cache() -> None:
    image = generalized()
    outcome = apply(image, NAMED)
    assert outcome.placed == CACHE
    assert outcome.to_run == (Pass.SPECIALIZE, Pass.OOBE_SYSTEM)
    assert image.files.read(CACHE) == NAMED.encode()
    passes = judged(image, "SYSTEM")[r"Setup\Status\UnattendPasses"]
    assert passes["specialize"] == passes["oobeSystem"] == number(0)


def test_an_image_in_audit_mode_gets_it_where_every_boot_looks() -> None:
    image = session()
    arm.set_state(image, arm.armed_state(Target.AUDIT, arm.Stage.SPECIALIZED))
    image.commit(image.installation.tree)
    image = again(image)
    outcome = apply(image, one("auditUser", SHELL, "<RegisteredOwner>Me</RegisteredOwner>"))
    assert outcome.placed == r"Windows\Panther\Unattend\unattend.xml"
    assert outcome.to_run == (Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)


def test_an_image_with_oobe_to_come_gets_it_with_specialize_marked() -> None:
    image = session()
    arm.set_state(image, arm.armed_state(Target.OOBE, arm.Stage.SPECIALIZED))
    image.commit(image.installation.tree)
    image = again(image)
    outcome = apply(image, NAMED)
    assert (outcome.placed, outcome.to_run) == (CACHE, (Pass.OOBE_SYSTEM,))
    assert b'<settings pass="specialize" wasPassProcessed="true">' in image.files.read(CACHE)


def test_a_finished_installation_keeps_it_for_sysprep() -> None:
    image = session()
    before = judged(image, "SYSTEM")
    outcome = apply(image, NAMED)
    assert outcome.placed == r"Windows\System32\Sysprep\unattend.xml"
    assert outcome.to_run == ()
    assert judged(image, "SYSTEM") == before
    assert any("no pass" in note for note in image.notes)


# What would win against it

OTHER = one("oobeSystem", SHELL, "<TimeZone>UTC</TimeZone>").encode()


def rival(where: dict[str, Any], **fields: Any) -> Session:
    image = generalized()
    memory = image.installation.tree
    assert isinstance(memory, MemoryTree)
    memory._add("", where)
    return again(image)


def test_what_would_win_is_reported_and_moved_aside_only_on_request() -> None:
    place = {"Windows": {"Panther": {"Unattend": {"Unattend.xml": OTHER}}}}
    image = rival(place)
    with pytest.raises(CheckError, match=r"Panther\\Unattend\\Unattend.xml has settings for oobe"):
        apply(image, NAMED)
    image = again(image)
    outcome = apply(image, NAMED, replace=True)
    assert outcome.moved_aside == [r"Windows\Panther\Unattend\Unattend.xml.old"]
    assert image.installation.tree.stat(r"Windows\Panther\Unattend\Unattend.xml") is None
    assert image.installation.tree.read(outcome.moved_aside[0]) == OTHER


def test_the_file_that_the_registry_names_wins_over_all() -> None:
    image = rival({"answers.xml": OTHER})
    image.set_text(setup.SETUP, "UnattendFile", r"C:\answers.xml")
    with pytest.raises(CheckError, match=r"SYSTEM\\Setup\\UnattendFile names"):
        unattend.apply(image, Request(document(NAMED)))
    outcome = apply(image, NAMED, replace=True)
    assert outcome.moved_aside == ["answers.xml.old"]
    assert "UnattendFile" not in judged(image, "SYSTEM")["Setup"]


def test_a_file_that_comes_later_is_named_where_it_is_used() -> None:
    image = rival({"Unattend.xml": OTHER})
    apply(image, NAMED)
    assert any("Unattend.xml is used for oobeSystem" in note for note in image.notes)


def test_a_file_whose_passes_are_done_wins_nothing() -> None:
    done = OTHER.replace(b'pass="oobeSystem"', b'pass="oobeSystem" wasPassProcessed="true"')
    image = rival({"Windows": {"Panther": {"Unattend": {"Unattend.xml": done}}}})
    assert apply(image, NAMED).moved_aside == []


def test_a_file_that_can_t_be_read_would_stop_windows() -> None:
    image = rival({"Windows": {"Panther": {"Unattend": {"Unattend.xml": b"<unattend"}}}})
    with pytest.raises(CheckError, match="can't be read"):
        apply(image, NAMED)


# The check


def test_errors_refuse_it_with_their_places() -> None:
    bad = one("specialize", SHELL, "<ComputerName>my pc</ComputerName>")
    image = generalized()
    with pytest.raises(CheckError, match=r"unattend.xml:5:15: error: the computer name holds"):
        apply(image, bad)
    assert image.changes == []
    forced = apply(again(image), bad, force=True)
    assert [one.rule for one in forced.findings] == ["computer-name"]


def test_it_is_checked_against_the_image() -> None:
    arm64 = answers(settings("specialize", component(SHELL, "<ProductKey></ProductKey>", "arm64")))
    outcome = apply(generalized(), arm64)

    # Windows skips what is for another architecture: nothing of the file is used.
    assert [one.rule for one in outcome.findings] == ["image-architecture", "empty-value"]
    assert any("arm64" in warning for warning in outcome.warnings)


def test_it_says_which_mode_counts_where_its_passes_disagree() -> None:
    both = answers(
        settings("auditUser", component(DEPLOYMENT, "<Reseal><Mode>OOBE</Mode></Reseal>")),
        settings("oobeSystem", component(DEPLOYMENT, "<Reseal><Mode>Audit</Mode></Reseal>")),
    )
    image = generalized()
    apply(image, both)
    (note,) = [note for note in image.notes if "Reseal" in note]
    assert "oobeSystem requests audit" in note
    assert "auditUser" in note
    assert "inferred" in note


# The pass generalize

GENERALIZE = answers(
    settings(
        "generalize",
        component(
            PNP,
            "<PersistAllDeviceInstalls>true</PersistAllDeviceInstalls>"
            "<DoNotCleanUpNonPresentDevices>true</DoNotCleanUpNonPresentDevices>",
        ),
        component(SPP, "<SkipRearm>1</SkipRearm>"),
        component(SHELL, "<RegisteredOwner>Me</RegisteredOwner>"),
        component(RDP, "<fDenyTSConnections>false</fDenyTSConnections>"),
        component("Microsoft-Windows-OutOfBoxExperience",
                  "<DoNotOpenInitialConfigurationTasksAtLogon>true"
                  "</DoNotOpenInitialConfigurationTasksAtLogon>"),
    )
)  # fmt: skip
DISK = {"ControlSet001": {"Enum": {"PCI": {"VEN_1AF4&DEV_1001": {"3&1": {"Service": "viostor"}}}}}}


def test_the_pass_generalize_is_applied_before_the_generalization() -> None:
    image = session(Machine(system=DISK))
    outcome = seal(image, GENERALIZE)
    software, system = judged(image, "SOFTWARE"), judged(image, "SYSTEM")
    sppnp = software[r"Microsoft\Windows\CurrentVersion\Setup\Sysprep\Settings\sppnp"]
    assert sppnp["PersistAllDeviceInstalls"] == number(1)
    assert sppnp["DoNotCleanUpNonPresentDevices"] == number(1)
    assert software[rf"{NT}\SoftwareProtectionPlatform"]["SkipRearm"] == number(1)
    assert software[NT]["RegisteredOwner"] == text("Me")
    assert software[rf"WOW6432Node\{NT}"]["RegisteredOwner"] == text("Me")
    assert system[r"ControlSet001\Control\Terminal Server"]["fDenyTSConnections"] == number(0)
    # The provider of devices saw it in time.
    assert r"ControlSet001\Enum\PCI\VEN_1AF4&DEV_1001\3&1" in system
    assert any("PersistAllDeviceInstalls is set" in note for note in image.notes)
    assert system[r"Setup\Status\UnattendPasses"]["generalize"] == number(9)
    assert outcome.unattend
    assert [(one.component, one.setting) for one in outcome.unattend.not_applied] == [
        ("Microsoft-Windows-OutOfBoxExperience", "DoNotOpenInitialConfigurationTasksAtLogon")
    ]
    assert b'<settings pass="generalize" wasPassProcessed="true">' in image.files.read(CACHE)


def test_without_it_the_devices_go() -> None:
    image = session(Machine(system=DISK))
    seal(image, NAMED)
    assert r"ControlSet001\Enum\PCI\VEN_1AF4&DEV_1001\3&1" not in judged(image, "SYSTEM")
    assert "generalize" not in judged(image, "SYSTEM")[r"Setup\Status\UnattendPasses"]


def test_an_image_that_is_generalized_already_says_that_the_pass_is_over() -> None:
    image = generalized()
    outcome = seal(image, GENERALIZE)
    assert outcome.result == "already generalized"
    assert outcome.unattend
    assert outcome.unattend.placed == CACHE
    assert len(outcome.unattend.not_applied) == 6
    assert all("this pass is done" in one.reason for one in outcome.unattend.not_applied)


# The pass offlineServicing

OFFLINE = answers(
    settings(
        "offlineServicing",
        component(
            SHELL,
            "<ComputerName>Pc-1</ComputerName><RegisteredOwner>Me</RegisteredOwner>"
            "<RegisteredOrganization>Us</RegisteredOrganization>"
            "<OEMInformation><Manufacturer>A</Manufacturer><Model>M</Model>"
            "<SupportHours>9-5</SupportHours><SupportPhone>1</SupportPhone>"
            "<SupportURL>http://example.com</SupportURL></OEMInformation>",
        ),
        component(LUA, "<EnableLUA>false</EnableLUA>"),
        component(RDP, "<fDenyTSConnections>false</fDenyTSConnections>"),
    )
)


@pytest.mark.parametrize("run", [apply, seal])
def test_the_pass_offline_servicing_is_applied_at_once(run: Any) -> None:
    image = session(Machine(control_sets=(1, 2))) if run is seal else generalized()
    run(image, OFFLINE)
    software, system = judged(image, "SOFTWARE"), judged(image, "SYSTEM")
    sets = ["ControlSet001", "ControlSet002"] if run is seal else ["ControlSet001"]
    for name in sets:
        names = system[rf"{name}\Control\ComputerName\ComputerName"]
        assert names["ComputerName"] == text("PC-1")
        tcpip = system[rf"{name}\Services\Tcpip\Parameters"]
        assert tcpip["Hostname"] == tcpip["NV Hostname"] == text("Pc-1")
        assert system[rf"{name}\Control\Terminal Server"]["fDenyTSConnections"] == number(0)
    assert system[r"Setup\DJOIN"]["DismComputerNameSet"] == number(1)
    assert software[NT]["RegisteredOwner"] == text("Me")
    assert software[NT]["RegisteredOrganization"] == text("Us")
    oem = software[r"Microsoft\Windows\CurrentVersion\OEMInformation"]
    assert oem == {
        "Manufacturer": text("A"), "Model": text("M"), "SupportHours": text("9-5"),
        "SupportPhone": text("1"), "SupportURL": text("http://example.com"),
    }  # fmt: skip
    policies = software[r"Microsoft\Windows\CurrentVersion\Policies\System"]
    assert policies["EnableLUA"] == number(0)
    assert system[r"Setup\Status\UnattendPasses"]["offlineServicing"] == number(9)
    assert b'<settings pass="offlineServicing" wasPassProcessed="true">' in image.files.read(CACHE)


def test_a_random_name_is_windows_own() -> None:
    text = one("offlineServicing", SHELL, "<ComputerName>*</ComputerName>")
    image = generalized()
    before = judged(image, "SYSTEM")[r"ControlSet001\Control\ComputerName\ComputerName"]
    (left,) = apply(image, text).not_applied
    assert "random name" in left.reason
    assert judged(image, "SYSTEM")[r"ControlSet001\Control\ComputerName\ComputerName"] == before


def test_packages_and_domain_joins_are_named_and_not_ignored() -> None:
    blob = "<OfflineIdentification><Provisioning><AccountData>QQ==</AccountData></Provisioning>"
    text = answers(
        servicing(package("Contoso-Package", "install")),
        settings(
            "offlineServicing",
            component("Microsoft-Windows-UnattendedJoin", f"{blob}</OfflineIdentification>"),
        ),
    )
    outcome = apply(generalized(), text)
    named = [(one.component, one.setting, one.line) for one in outcome.not_applied]
    assert named == [
        (
            "Microsoft-Windows-UnattendedJoin",
            "OfflineIdentification/Provisioning/AccountData",
            8,
        ),
        ("Contoso-Package", "servicing/package", 4),
    ]
    assert "moved to specialize" in outcome.not_applied[0].reason
    assert "servicing stack" in outcome.not_applied[1].reason


# specialize, at once

SPECIALIZE = answers(
    settings(
        "specialize",
        component(SHELL, "<ComputerName>PC-7</ComputerName>"),
        component(DNS, "<DNSDomain>example.com</DNSDomain>"),
    )
)


def test_specialize_is_left_to_windows_unless_asked_for_now() -> None:
    image = generalized()
    before = judged(image, "SYSTEM")
    apply(image, SPECIALIZE)
    assert judged(image, "SYSTEM") == before
    image = again(image)
    outcome = apply(image, SPECIALIZE, now=True)
    system = judged(image, "SYSTEM")
    assert system[r"ControlSet001\Services\Tcpip\Parameters"]["Hostname"] == text("PC-7")
    assert [one["setting"] for one in outcome.applied] == ["ComputerName"]
    assert image.files.read(CACHE) == SPECIALIZE.encode()


def test_a_setting_is_not_applied_by_halves_where_a_place_of_it_is_not_confirmed() -> None:
    image = generalized()
    before = judged(image, "SYSTEM")[r"ControlSet001\Services\Tcpip\Parameters"]
    outcome = apply(image, one("specialize", DNS, "<DNSDomain>example.com</DNSDomain>"), now=True)
    assert judged(image, "SYSTEM")[r"ControlSet001\Services\Tcpip\Parameters"] == before
    assert [(one.component, one.setting) for one in outcome.left_to_windows] == [(DNS, "DNSDomain")]


# CopyProfile and oobe.xml

COPY = one("specialize", SHELL, "<CopyProfile>true</CopyProfile>")


def test_copy_profile_is_explained_where_there_is_a_profile() -> None:
    image = generalized()
    assert apply(image, COPY).warnings == []
    assert any(r"Administrator (Users\Administrator)" in note for note in image.notes)


def test_copy_profile_without_a_profile_is_a_warning() -> None:
    image = generalized(files={"Users": {"Administrator": None}})
    assert "NTUSER.DAT" in apply(image, COPY).warnings[0]
    sid = str(Machine().sid.relative(500))
    profiles = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": {sid: None}}}}}
    assert "has no profile" in apply(generalized(software=profiles), COPY).warnings[0]


OOBE_XML = b"<FirstExperience><oobe><oem><name>Fabrikam</name></oem></oobe></FirstExperience>"


def test_oobe_xml_is_checked_and_placed() -> None:
    image = generalized()
    apply(image, NAMED, oobe_xml=("oobe.xml", OOBE_XML))
    assert image.files.read(r"Windows\System32\oobe\info\oobe.xml") == OOBE_XML


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<oobe/>", "oobe.xml:1:1: the root element"),
        (b"<FirstExperience/>", "must hold exactly one oobe"),
        (b"<FirstExperience>", "oobe.xml:1:18"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><FirstExperience/>", "document type"),
    ],
)
def test_a_wrong_oobe_xml_is_refused(data: bytes, message: str) -> None:
    image = generalized()
    with pytest.raises(AnswerFileError, match=message):
        apply(image, NAMED, oobe_xml=("oobe.xml", data))


# Secrets

PASSWORD = "Tr0ub4dor&amp;3"
ADMINISTRATOR = (
    f"<UserAccounts><AdministratorPassword><Value>{PASSWORD}</Value><PlainText>true</PlainText>"
    "</AdministratorPassword></UserAccounts>"
)
SECRET = one("oobeSystem", SHELL, ADMINISTRATOR)
OF_SPECIALIZE = settings(
    "specialize",
    component(
        SHELL,
        "<AutoLogon><Username>a</Username><Password><Value>Tr0ub4dor</Value></Password></AutoLogon>",
    ),
)
BOTH = answers(
    settings("specialize", component(SHELL, "<ComputerName>PC-1</ComputerName>")),
    settings("oobeSystem", component(SHELL, "<TimeZone>UTC</TimeZone>")),
)
PE = one(
    "windowsPE",
    "Microsoft-Windows-Setup",
    "<ImageInstall><OSImage><InstallFrom><Credentials><Password>Tr0ub4dor</Password></Credentials>"
    "</InstallFrom></OSImage></ImageInstall>",
)


def test_the_file_keeps_what_windows_needs_and_nothing_else_shows_it() -> None:
    image = session()
    outcome = seal(image, SECRET)
    assert PASSWORD.encode() in image.files.read(CACHE)
    assert outcome.unattend
    shown = json.dumps(
        [outcome.unattend.to_json(), [one.to_json() for one in image.changes], image.notes]
    )
    assert "Tr0ub4dor" not in shown
    for path, data in image.installation.tree.snapshot().items():  # type: ignore[attr-defined]
        if data and path != CACHE:
            assert b"Tr0ub4dor" not in data, path


def test_secrets_of_passes_that_are_over_are_deleted_from_the_file() -> None:
    image = session()
    seal(image, PE)
    data = image.files.read(CACHE)
    assert b"Tr0ub4dor" not in data
    assert DELETED.encode() in data


@pytest.mark.parametrize(
    "place",
    [
        {"Windows": {"Panther": {"Unattend": {"Unattend.xml": SECRET.encode()}}}},
        {"Windows": {"System32": {"Sysprep": {"unattend.xml": SECRET.encode()}}}},
        {"Autounattend.xml": SECRET.encode()},
        {"Windows": {"Panther": {"old.xml": SECRET.encode()}}},
    ],
)
def test_answer_files_that_are_not_used_lose_their_secrets(place: dict[str, Any]) -> None:
    image = session(Machine(files=place))
    seal(image, BOTH, replace=True)
    for path, data in image.installation.tree.snapshot().items():  # type: ignore[attr-defined]
        assert b"Tr0ub4dor" not in (data or b""), path


def test_without_a_new_file_the_next_boot_keeps_what_it_needs() -> None:
    both = SECRET.replace("</unattend>", "") + PE.split('State">\n')[1]
    image = session(Machine(files={"Windows": {"Panther": {"unattend.xml": both.encode()}}}))
    generalize(image)
    image.commit(image.installation.tree)
    left = AnswerFile(image.files.read(CACHE))
    values = [one.text for one in left.settings() if one.name in {"Value", "Password"}]
    assert values == ["Tr0ub4dor&3", DELETED]


USED = [
    (r"Windows\System32\Sysprep\unattend.xml", "Windows System32 Sysprep unattend.xml"),
    ("Autounattend.xml", "Autounattend.xml"),
]


def holding(text: str, place: str = "Windows Panther unattend.xml") -> dict[str, Any]:
    """The files of a volume: an answer file at a place, whose parts have spaces between them."""
    files: dict[str, Any] = {}
    *folders, name = place.split()
    inner = files
    for folder in folders:
        inner = inner.setdefault(folder, {})
    inner[name] = text.encode()
    return files


@pytest.mark.parametrize(("path", "place"), USED)
def test_a_file_keeps_the_secrets_of_passes_for_which_it_is_used(path: str, place: str) -> None:
    image = session(Machine(files=holding(SECRET, place)))
    seal(image, NAMED)
    assert image.files.read(path) == SECRET.encode()
    (note,) = [note for note in image.notes if "passwords" in note]
    assert path in note
    assert "oobeSystem" in note
    assert "Tr0ub4dor" not in "".join(image.notes)


def test_it_loses_those_of_the_passes_for_which_another_is_used() -> None:
    both = answers(OF_SPECIALIZE, settings("oobeSystem", component(SHELL, ADMINISTRATOR)))
    image = session(Machine(files=holding(both, "Unattend.xml")))
    seal(image, NAMED)
    first, second = AnswerFile(image.files.read("Unattend.xml")).passes
    # Marked, so that no machine ever takes the text in its place for the secret.
    assert (first.was_processed, second.was_processed) == (True, False)
    assert DELETED in [one.text for one in first.components[0].settings()]
    assert "Tr0ub4dor&3" in [one.text for one in second.components[0].settings()]


# Secrets that Windows has deleted

WITHOUT = SECRET.replace(PASSWORD, DELETED)


@pytest.mark.parametrize("attribute", ["", ' wasPassProcessed="true"'])
def test_a_pass_does_not_run_again_with_deleted_secrets(attribute: str) -> None:
    old = WITHOUT.replace('"oobeSystem"', f'"oobeSystem"{attribute}')
    image = session(Machine(files=holding(old)))
    generalize(image)
    left = AnswerFile(image.files.read(CACHE))
    assert [one.was_processed for one in left.passes] == [True]
    (note,) = [note for note in image.notes if "deleted" in note]
    assert "oobeSystem" in note
    assert CACHE in note


@pytest.mark.parametrize("run", [apply, seal])
def test_a_file_beside_does_not_give_deleted_secrets_either(run: Any) -> None:
    files = holding(WITHOUT, "Unattend.xml")
    image = (
        session(Machine(files=files)) if run is seal else rival({"Unattend.xml": WITHOUT.encode()})
    )
    run(image, NAMED)
    assert [one.was_processed for one in AnswerFile(image.files.read("Unattend.xml")).passes] == [
        True
    ]
    assert not [note for note in image.notes if "is used for" in note]
    assert any("deleted" in note and "oobeSystem" in note for note in image.notes)


# Without a new file: what Sysprep finds by itself

OLD_NAME = one("specialize", SHELL, "<ComputerName>OLDNAME</ComputerName>").replace(
    'pass="specialize"', 'pass="specialize" wasPassProcessed="true"'
)


def test_an_old_cache_does_not_come_before_the_file_for_sysprep() -> None:
    image = session(Machine(files=holding(OLD_NAME)))
    apply(image, NAMED)
    image = again(image)
    generalize(image)
    assert image.files.read(CACHE) == OLD_NAME.encode()
    assert image.files.read(r"Windows\System32\Sysprep\unattend.xml") == NAMED.encode()
    assert any(r"Sysprep\unattend.xml is used for specialize" in note for note in image.notes)


def test_a_file_that_is_not_used_since_another_comes_first_is_named() -> None:
    image = session(Machine(files=holding(NAMED)))
    other = one("specialize", SHELL, "<ComputerName>NEWNAME</ComputerName>")
    image.write_file(r"Windows\System32\Sysprep\unattend.xml", other.encode())
    generalize(image)
    assert any(
        r"Sysprep\unattend.xml is not used for specialize" in note and CACHE in note
        for note in image.notes
    )


def test_an_old_cache_runs_again_where_no_other_file_has_the_pass() -> None:
    image = session(Machine(files=holding(OLD_NAME)))
    generalize(image)
    assert image.files.read(CACHE) == OLD_NAME.replace(' wasPassProcessed="true"', "").encode()


def test_the_pass_generalize_is_taken_from_the_file_for_sysprep() -> None:
    image = session(Machine(system=DISK))
    apply(image, GENERALIZE)
    image = again(image)
    outcome = generalize(image)
    image.commit(image.installation.tree)
    software, system = judged(image, "SOFTWARE"), judged(image, "SYSTEM")
    sppnp = software[r"Microsoft\Windows\CurrentVersion\Setup\Sysprep\Settings\sppnp"]
    assert sppnp["PersistAllDeviceInstalls"] == number(1)
    assert software[rf"{NT}\SoftwareProtectionPlatform"]["SkipRearm"] == number(1)
    # The provider of devices saw it in time.
    assert r"ControlSet001\Enum\PCI\VEN_1AF4&DEV_1001\3&1" in system
    assert system[r"Setup\Status\UnattendPasses"]["generalize"] == number(9)
    path = r"Windows\System32\Sysprep\unattend.xml"
    assert b'<settings pass="generalize" wasPassProcessed="true">' in image.files.read(path)
    assert outcome.unattend
    assert (outcome.unattend.file, outcome.unattend.placed) == (path, path)
    assert "SkipRearm" in [one["setting"] for one in outcome.unattend.applied]
    assert [one.setting for one in outcome.unattend.not_applied] == [
        "DoNotOpenInitialConfigurationTasksAtLogon"
    ]


def test_a_new_file_leaves_the_pass_generalize_of_others_alone_and_says_so() -> None:
    image = session(Machine(files=holding(GENERALIZE, "Windows System32 Sysprep unattend.xml")))
    seal(image, NAMED)
    assert "SkipRearm" not in judged(image, "SOFTWARE").get(rf"{NT}\SoftwareProtectionPlatform", {})
    assert any("settings for generalize, which were not applied" in note for note in image.notes)


# What Microsoft's page on specialize names as examples is staged for Windows

STAGED = [
    ("Microsoft-Windows-IE-InternetExplorer", "<Home_Page>http://example.com</Home_Page>"),
    (
        "Microsoft-Windows-International-Core",
        (
            "<InputLocale>0407:00000407</InputLocale><SystemLocale>de-DE</SystemLocale>"
            "<UILanguage>de-DE</UILanguage><UserLocale>de-DE</UserLocale>"
        ),
    ),
    (
        "Microsoft-Windows-UnattendedJoin",
        (
            "<Identification><Credentials><Domain>corp</Domain><Password>Tr0ub4dor</Password>"
            "<Username>joiner</Username></Credentials><JoinDomain>corp.example</JoinDomain>"
            "</Identification>"
        ),
    ),
    (
        "Microsoft-Windows-TCPIP",
        (
            '<Interfaces><Interface wcm:action="add"><Identifier>Ethernet</Identifier><Ipv4Settings>'
            "<DhcpEnabled>false</DhcpEnabled></Ipv4Settings><UnicastIpAddresses>"
            '<IpAddress wcm:action="add" wcm:keyValue="1">192.0.2.7/24</IpAddress></UnicastIpAddresses>'
            "</Interface></Interfaces>"
        ),
    ),
]


@pytest.mark.parametrize(("name", "body"), STAGED, ids=[name for name, _ in STAGED])
@pytest.mark.parametrize("run", [apply, seal])
def test_specialize_is_staged_byte_for_byte(run: Any, name: str, body: str) -> None:
    wanted = one("specialize", name, body)
    image = session() if run is seal else generalized()
    run(image, wanted)
    assert image.files.read(CACHE) == wanted.encode()
    assert judged(image, "SYSTEM")[r"Setup\Status\UnattendPasses"]["specialize"] == number(0)
    assert "Tr0ub4dor" not in json.dumps([change.to_json() for change in image.changes])


def test_errors_of_a_file_that_nobody_has_checked_are_told() -> None:
    wrong = one("specialize", SHELL, "<ComputerName>A NAME THAT IS TOO LONG</ComputerName>")
    image = session(Machine(files=holding(wrong, "Windows System32 Sysprep unattend.xml")))
    generalize(image)
    (note,) = [each for each in image.notes if "which the next boot uses, has" in each]
    assert r"Sysprep\unattend.xml" in note
    assert "line" in note
    assert "reseal unattend check" in note
    fine = session(Machine(files=holding(NAMED, "Windows System32 Sysprep unattend.xml")))
    generalize(fine)
    assert not [each for each in fine.notes if "which the next boot uses, has" in each]
