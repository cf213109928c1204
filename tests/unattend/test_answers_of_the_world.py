"""Answer files as other people write them, applied to sample machines in memory."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from lxml import etree

from reseal.answerfile import (
    AnswerFile,
    Answers,
    NewAccount,
    NewInterface,
    Secret,
    Target,
    check,
    make,
    product_keys,
    show,
)
from reseal.answerfile.answers import WirelessNetwork
from reseal.errors import CheckError, ImageError, UsageError
from reseal.session import Session
from reseal.specialize import Specialization, Wish
from reseal.sysprep import arm
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.unattend import apply as unattend
from reseal.unattend import oobe_xml
from reseal.unattend.apply import Request, target_of
from tests.answerfile.samples import INTERNATIONAL, JOIN, SHELL, component, document, one, settings
from tests.answerfile.samples import unattend as answers
from tests.builders import session
from tests.unattend.test_apply import CACHE, again, apply, generalized, judged, number, text

OWNER = "<RegisteredOwner>x</RegisteredOwner>"


def placed(image: Session, path: str = CACHE) -> AnswerFile:
    return AnswerFile(image.files.read(path), path)


# Several architectures


@pytest.mark.parametrize(
    "architectures",
    [("amd64", "x86", "arm64"), ("arm64", "amd64"), ("x86", "amd64"), ("amd64", "wow64")],
)
def test_what_is_for_another_architecture_is_skipped(architectures: tuple[str, ...]) -> None:
    text = answers(settings("specialize", *(component(SHELL, OWNER, a) for a in architectures)))
    outcome = apply(generalized(), text)

    assert outcome.placed == CACHE
    assert outcome.warnings == []
    assert outcome.findings == []


def test_a_component_without_a_counterpart_is_named() -> None:
    text = answers(
        settings(
            "specialize",
            component(SHELL, OWNER),
            component(INTERNATIONAL, "<UserLocale>de-DE</UserLocale>", "x86"),
        )
    )
    image = generalized()
    outcome = apply(image, text)

    assert outcome.warnings == [
        (
            "Microsoft-Windows-International-Core is for x86, the image is amd64: Windows skips "
            "components that are not of its own architecture."
        )
    ]
    assert outcome.placed == CACHE


def test_generalize_takes_a_file_for_several_architectures() -> None:
    names = ("amd64", "x86", "arm64")
    text = answers(settings("specialize", *(component(SHELL, OWNER, name) for name in names)))
    image = session(Machine())
    outcome = generalize(image, answers=Request(document(text)))

    assert outcome.unattend is not None
    assert outcome.unattend.placed == CACHE


# Offline domain joins

BLOB = base64.b64encode(b"not a real blob, any base64 does").decode()
OFFLINE = (
    f"<OfflineIdentification><Provisioning><AccountData>{BLOB}</AccountData></Provisioning>"
    "</OfflineIdentification>"
)


def joined(file: AnswerFile) -> list[tuple[str, str, str]]:
    return [
        (one.pass_name, one.path, one.text) for one in file.settings() if "AccountData" in one.path
    ]


FURTHER = {
    "alone": "",
    "another setting of specialize": settings("specialize", component(SHELL, OWNER)),
    "a workgroup": settings(
        "specialize",
        component(JOIN, "<Identification><JoinWorkgroup>LAB</JoinWorkgroup></Identification>"),
    ),
}


@pytest.mark.parametrize("further", FURTHER.values(), ids=FURTHER.keys())
def test_an_offline_join_moves_to_specialize(further: str) -> None:
    image = generalized()
    text = answers(settings("offlineServicing", component(JOIN, OFFLINE)), further)
    outcome = apply(image, text)

    data = [text for name, _, text in joined(placed(image)) if name == "specialize"]
    assert data == [BLOB]
    assert ("specialize", "Identification/Provisioning/AccountData", BLOB) in joined(placed(image))
    assert any("moved to specialize" in note for note in image.notes)
    assert ["moved to specialize" in one.reason for one in outcome.not_applied] == [True]
    assert "specialize" in [name.value for name in outcome.to_run]
    assert "JoinWorkgroup" not in placed(image).to_bytes().decode()


def test_an_offline_join_of_a_generalizing_run_is_kept() -> None:
    image = session(Machine())
    generalize(image, answers=Request(document(one("offlineServicing", JOIN, OFFLINE))))

    assert ("specialize", "Identification/Provisioning/AccountData", BLOB) in joined(placed(image))


def test_a_join_for_another_architecture_is_not_taken() -> None:
    image = generalized()
    text = answers(settings("offlineServicing", component(JOIN, OFFLINE, "x86")))
    apply(image, text)

    assert not [name for name, _, _ in joined(placed(image)) if name == "specialize"]


# Languages


@pytest.mark.parametrize("language", ["ja-JP", "de-DE", "pt-BR"])
def test_a_language_that_the_image_lacks_is_said(language: str) -> None:
    image = generalized()
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\MUI\UILanguages\en-US"
    image.create_key(key)
    image.commit(image.installation.tree)
    outcome = apply(
        type(image)(image.installation, volume_state=image.volume_state),
        one("oobeSystem", INTERNATIONAL, f"<UILanguage>{language}</UILanguage>"),
    )

    assert outcome.warnings == [
        f'The image has no language pack for "{language}": Windows stays in en-US.'
    ]


# Positions


@pytest.mark.parametrize("zone", ["CET", "Europe/Berlin", "Pacific"])
def test_findings_have_the_places_of_the_file_that_was_written(zone: str) -> None:
    """A name given on the command line is merged in, and the merged text is laid out."""
    text = one("specialize", SHELL, f"{OWNER}<TimeZone>{zone}</TimeZone>").replace("\n", "")
    place = document(text).markup.source.position(text.index(zone))
    assert place.line == 1
    with pytest.raises(CheckError, match=rf"unattend.xml:{place}: error: the time zone"):
        Specialization(Wish(computer_name="PC9", document=document(text)))(generalized())


# oobe.xml

OOBE = b"<FirstExperience><oobe><oem>%s</oem></oobe></FirstExperience>"


def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def test_a_folder_with_languages_terms_and_logo_is_placed(tmp_path: Path) -> None:
    files = {
        "oobe.xml": OOBE % rb"<logopath>%windir%\system32\oobe\info\logo.png</logopath>",
        "logo.png": b"png",
        "default/1033/oobe.xml": OOBE % b"<eulafilename>agreement.rtf</eulafilename>",
        "default/1033/agreement.rtf": b"rtf",
        "94/1031/oobe.xml": OOBE % b"<eulafilename>agreement.rtf</eulafilename>",
        "94/1031/agreement.rtf": b"rtf",
    }
    image = generalized()
    loaded = oobe_xml.load(folder(tmp_path, files))
    apply(image, one("specialize", SHELL, OWNER), oobe_files=loaded)

    for name, data in files.items():
        path = "Windows\\System32\\oobe\\info\\" + name.replace("/", "\\")
        assert image.files.read(path) == data


WRONG_FOLDERS: dict[str, tuple[dict[str, bytes], str]] = {
    "no oobe.xml": ({"logo.png": b""}, "holds no oobe.xml"),
    "a language by name": ({"default/en-US/oobe.xml": OOBE % b""}, "does not look for"),
    "a language alone": ({"1033/oobe.xml": OOBE % b""}, "does not look for"),
    "too deep": ({"94/1031/x/oobe.xml": OOBE % b""}, "does not look for"),
    "terms that are missing": (
        {"default/1033/oobe.xml": OOBE % b"<eulafilename>a.rtf</eulafilename>"},
        "a.rtf in <eulafilename>",
    ),
    "a logo that is missing": (
        {"oobe.xml": OOBE % rb"<logopath>%windir%\system32\oobe\info\logo.png</logopath>"},
        "in <logopath>",
    ),
    "no XML": ({"oobe.xml": b"<FirstExperience>"}, "still open"),
    "another root": ({"default/1033/oobe.xml": b"<x/>"}, "FirstExperience"),
}


@pytest.mark.parametrize(("files", "message"), WRONG_FOLDERS.values(), ids=WRONG_FOLDERS.keys())
def test_a_wrong_folder_is_refused(files: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises((CheckError, ImageError), match=message):
        oobe_xml.load(folder(tmp_path, files))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    for count in range(oobe_xml.MAX_FILES + 1):
        (tmp_path / f"{count}.txt").touch()
    with pytest.raises(UsageError, match="holds too many files"):
        oobe_xml.load(tmp_path)


# New files, on images of many Windows

#: The Windows: its build, product, edition and kind of installation.
WINDOWS = {
    "7": (7601, "Windows 7 Professional", "Professional", "Client"),
    "10": (19045, "Windows 10 Pro", "Professional", "Client"),
    "11": (26100, "Windows 11 Enterprise", "Enterprise", "Client"),
    "2012 R2": (9600, "Windows Server 2012 R2 Standard", "ServerStandard", "Server"),
    "2016": (14393, "Windows Server 2016 Datacenter", "ServerDatacenter", "Server"),
    "2019": (17763, "Windows Server 2019 Standard", "ServerStandard", "Server"),
    "2022": (20348, "Windows Server 2022 Standard", "ServerStandard", "Server"),
    "2025": (26100, "Windows Server 2025 Datacenter", "ServerDatacenter", "Server"),
}


def full(target: Target, key: str) -> Answers:
    return Answers(
        computer_name="PC-1",
        owner="Me & You",
        organization="Contoso",
        locale="en-US",
        product_key=Secret(key),
        accounts=(NewAccount("bob", Secret("hunter2"), ("Administrators",)),),
        logon="bob",
        once=True,
        workgroup="LAB",
        interfaces=(
            NewInterface(
                "Ethernet",
                ("192.0.2.10/24", "2001:db8::10/64"),
                gateways=("192.0.2.1", "2001:db8::1"),
                routes=(("10.0.0.0/8", "192.0.2.2"),),
                servers=("192.0.2.53",),
            ),
        ),
        commands=("cmd.exe /c echo hello",),
        run=(("specialize", "cmd.exe /c echo hello"),),
        remote_desktop=True,
        password_days=0,
        lockout_attempts=10,
        wireless=WirelessNetwork("Guests & Friends"),
        persist_devices=True,
        skip_rearm=True,
        build=target.build,
    )


@pytest.mark.parametrize("name", WINDOWS)
def test_a_new_file_fits_the_windows_that_it_is_for(name: str) -> None:
    build, product, edition, kind = WINDOWS[name]
    image = generalized(build=build, product=product, edition=edition, install_type=kind)
    target = target_of(image.installation)
    wanted = product_keys.installed(target.edition, target.build)
    assert wanted is not None
    made = make(full(target, product_keys.key_for(wanted)), "amd64")

    assert check(made, target) == []
    assert show(made)
    outcome = unattend.apply(image, Request(made, now=True))
    image.commit(image.installation.tree)
    assert outcome.findings == []
    assert outcome.warnings == []

    # Other people's readers: libxml2 for the file, hivex and regipy for the hives.
    root = etree.fromstring(image.files.read(CACHE))
    names = root.xpath("//*[local-name()='ComputerName']/text()")
    hops = root.xpath("//*[local-name()='NextHopAddress']/text()")
    assert names == ["PC-1"]
    assert hops == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    pages = root.xpath("//*[local-name()='HideOnlineAccountScreens']")
    assert bool(pages) is (build >= 9200)
    assert judged(image, "SYSTEM")[r"ControlSet001\Services\Tcpip\Parameters"]["Hostname"] == text(
        "PC-1"
    )
    windows = judged(image, "SOFTWARE")[r"Microsoft\Windows NT\CurrentVersion"]
    assert windows["RegisteredOwner"] == text("Me & You")
    terminal = judged(image, "SYSTEM")[r"ControlSet001\Control\Terminal Server"]
    assert terminal["fDenyTSConnections"] == number(0)


def test_an_offline_join_of_a_specialized_image_is_said() -> None:
    image = session()
    arm.set_state(image, arm.armed_state(arm.Target.OOBE, arm.Stage.SPECIALIZED))
    image.commit(image.installation.tree)
    outcome = apply(again(image), one("offlineServicing", JOIN, OFFLINE))

    assert any("is specialized already" in warning for warning in outcome.warnings)
    assert ["djoin.exe" in one.reason for one in outcome.not_applied] == [True]


@pytest.mark.parametrize("name", ["kiosk", "KIOSK", "Kiosk"])
def test_specialize_gives_no_computer_the_name_of_an_account(name: str) -> None:
    account = (
        '<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>kiosk</Name>'
        "</LocalAccount></LocalAccounts></UserAccounts>"
    )
    wish = Wish(computer_name=name, document=document(one("oobeSystem", SHELL, account)))

    with pytest.raises(CheckError, match="has the name of the computer"):
        Specialization(wish)(generalized())


@pytest.mark.parametrize("users", [("Alice",), ("Alice", "Bob"), ()])
def test_copy_profile_names_other_accounts(users: tuple[str, ...]) -> None:
    image = generalized(users=users)
    apply(image, one("specialize", SHELL, "<CopyProfile>true</CopyProfile>"))
    (note,) = [note for note in image.notes if note.startswith("CopyProfile")]

    assert (f"profiles of {len(users)} other account" in note) is bool(users)
    assert all(name in note for name in users)
