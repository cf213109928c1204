"""Every rule on files that break it, and on files that do not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from reseal.answerfile import RULES, Level, Target, check
from tests.answerfile.samples import (
    INTERNATIONAL,
    SHELL,
    component,
    document,
    one,
    settings,
    unattend,
)

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "bad_files.toml").read_text("utf-8")
)["case"]


def text_of(case: dict[str, Any]) -> str:
    if "text" in case:
        return str(case["text"])
    body = re.sub(r"\{x\*(\d+)\}", lambda match: "x" * int(match.group(1)), case["body"])
    return one(case["pass"], case["component"], body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}-{case['at']}")
def test_bad_file(case: dict[str, Any]) -> None:
    found = [f for f in check(document(text_of(case))) if f.rule == case["rule"]]

    assert [str(finding) for finding in found] == [
        (
            f"unattend.xml:{case['at']}: {case['level']}: "
            f"{case['what']}; {case['why']}; {case['instead']} [{case['rule']}]"
        )
    ]


def test_there_are_many_bad_files_and_one_for_every_rule() -> None:
    assert len(CASES) >= 200
    # Those for an image need one; they are below.
    of_images = {
        *("image-architecture", "image-component", "image-language"),
        *("setting-too-new", "setting-too-old"),
    }
    assert {case["rule"] for case in CASES} == set(RULES) - of_images


def test_every_rule_says_how_it_is_known() -> None:
    for rule in RULES.values():
        assert rule.title
        assert rule.mark in {"documented", "seen", "reported", "inferred"}
        assert len(rule.source) > 10


def test_components_must_be_for_the_architecture_of_the_image() -> None:
    text = unattend(
        settings("windowsPE", component("Microsoft-Windows-Setup", "", "x86")),
        settings(
            "specialize",
            component(SHELL, "<ComputerName>PC</ComputerName>", "x86"),
            component(INTERNATIONAL, "<UserLocale>en-US</UserLocale>", "wow64"),
        ),
    )

    assert check(document(text)) == []
    found = check(document(text), Target(architecture="amd64"))

    assert [str(finding) for finding in found] == [
        (
            "unattend.xml:9:72: warning: Microsoft-Windows-Shell-Setup is for x86, the image is "
            "amd64; "
            "Windows skips components that are not of its own architecture; "
            'write processorArchitecture="amd64" [image-architecture]'
        )
    ]


@pytest.mark.parametrize("architecture", ["amd64", "arm64", "x86"])
def test_a_file_for_several_architectures_is_right_for_each(architecture: str) -> None:
    """Windows skips what is for another architecture, where its own is served."""
    names = ("amd64", "x86", "arm64")
    body = "<RegisteredOwner>x</RegisteredOwner>"
    text = unattend(settings("specialize", *(component(SHELL, body, name) for name in names)))

    assert check(document(text), Target(architecture=architecture)) == []
    assert {f.level for f in check(document(text))} == {Level.NOTE}


def test_a_component_without_its_counterpart_is_skipped() -> None:
    text = unattend(
        settings(
            "specialize",
            component(SHELL, "<RegisteredOwner>x</RegisteredOwner>", "amd64"),
            component(SHELL, "<RegisteredOwner>x</RegisteredOwner>", "x86"),
            component(INTERNATIONAL, "<UserLocale>de-DE</UserLocale>", "x86"),
        )
    )

    found = check(document(text), Target(architecture="amd64"))
    assert [(f.rule, f.level, f.position.line) for f in found] == [
        ("image-architecture", Level.WARNING, 10)
    ]
    assert not check(document(text), Target(architecture="x86"))


#: A setting, an image that lacks it, one that has it.
VERSIONS = [
    (
        "oobeSystem",
        SHELL,
        "<OOBE><HideOnlineAccountScreens>true</HideOnlineAccountScreens></OOBE>",
        7601,
        9200,
        "setting-too-new",
    ),
    (
        "specialize",
        SHELL,
        "<OEMInformation><SupportProvider>x</SupportProvider></OEMInformation>",
        14393,
        17763,
        "setting-too-new",
    ),
    ("specialize", SHELL, "<SignInMode>1</SignInMode>", 9600, 10240, "setting-too-new"),
    (
        "specialize",
        "Microsoft-Windows-TPM-Tasks",
        "<ClearTpm>1</ClearTpm>",
        14393,
        15063,
        "setting-too-new",
    ),
    (
        "oobeSystem",
        SHELL,
        "<VisualEffects><FontSmoothing>On</FontSmoothing></VisualEffects>",
        16299,
        15063,
        "setting-too-old",
    ),
    (
        "specialize",
        "Microsoft-Windows-IE-InternetExplorer",
        "<PrintBackground>true</PrintBackground>",
        9600,
        9200,
        "setting-too-old",
    ),
]


@pytest.mark.parametrize(("name", "of", "body", "without", "having", "rule"), VERSIONS)
def test_settings_that_the_image_lacks(
    name: str, of: str, body: str, without: int, having: int, rule: str
) -> None:
    text = document(one(name, of, body))

    assert rule in {f.rule for f in check(text, Target(build=without))}
    assert rule not in {f.rule for f in check(text, Target(build=having))}
    assert rule not in {f.rule for f in check(text)}


def test_nothing_is_advised_that_the_image_lacks() -> None:
    """SupportProvider takes the place of Manufacturer, and came with Windows 10 1709."""
    text = one(
        "specialize", SHELL, "<OEMInformation><Manufacturer>x</Manufacturer></OEMInformation>"
    )

    def said(build: int) -> list[str]:
        return [f.instead for f in check(document(text), Target(build=build))]

    assert said(0) == ["use SupportProvider"]
    assert said(17763) == ["use SupportProvider"]
    assert said(14393) == []


@pytest.mark.parametrize("language", ["ja-JP", "de-DE", "fr-CA"])
def test_a_language_that_the_image_lacks(language: str) -> None:
    text = one("oobeSystem", INTERNATIONAL, f"<UILanguage>{language}</UILanguage>")
    found = check(document(text), Target(languages=frozenset({"en-US"})))

    assert [str(one) for one in found] == [
        (
            f'unattend.xml:5:13: warning: the image has no language pack for "{language}"; Windows '
            "stays in en-US; write a language that the image has, or add the language pack to the "
            "image [image-language]"
        )
    ]
    assert check(document(text), Target(languages=frozenset({language.lower(), "en-US"}))) == []
    assert check(document(text)) == []


def test_an_image_can_have_time_zones_and_keyboards_of_its_own() -> None:
    text = one("specialize", SHELL, "<TimeZone>Mars Standard Time</TimeZone>")
    target = Target(time_zones=frozenset({"Mars Standard Time"}))

    assert [f.rule for f in check(document(text))] == ["unknown-time-zone"]
    assert check(document(text), target) == []


def test_an_image_does_not_have_every_component() -> None:
    text = unattend(
        settings("windowsPE", component("Microsoft-Windows-Setup", "")),
        settings(
            "specialize",
            component(SHELL, "<ComputerName>PC</ComputerName>"),
            component("Microsoft-Windows-Printing-XPSDocumentWriter", ""),
            component("Microsoft-Windows-TerminalServices-LocalSessionManager", ""),
            component("Microsoft-Windows-IE-ESC", "<IEHardenAdmin>false</IEHardenAdmin>", "wow64"),
            component("Microsoft-Windows-IE-ESC", "<IEHardenAdmin>false</IEHardenAdmin>"),
        ),
    )
    store = frozenset(
        {
            "amd64_microsoft-windows-shell-setup",
            "amd64_microsoft-windows-t..localsessionmanager",
            "wow64_microsoft-windows-ie-esc",
        }
    )
    target = Target("amd64", 19045, components=store)
    found = [one for one in check(document(text), target) if one.rule == "image-component"]
    assert [str(one) for one in found] == [
        (
            "unattend.xml:21:18: warning: the image has no component Microsoft-Windows-IE-ESC for "
            "amd64; its component store has no manifest of it (build 19045); leave it out, or choose "
            "an image whose edition and build have it [image-component]"
        )
    ]
    assert "image-component" not in {one.rule for one in check(document(text), Target("amd64"))}


def test_what_a_newer_windows_retired_is_right_for_an_older_one() -> None:
    text = one("generalize", "Microsoft-Windows-Security-Licensing-SLC", "<SkipRearm>1</SkipRearm>")
    assert [f.rule for f in check(document(text), Target(build=7601))] == ["retired-setting"]
    assert check(document(text), Target(build=6002)) == []


GOOD = [
    ("specialize", SHELL, "<ComputerName>*</ComputerName>"),
    ("specialize", SHELL, "<ComputerName>日本-PC</ComputerName>"),
    ("specialize", SHELL, "<ComputerName/>"),
    ("specialize", SHELL, "<TimeZone>Pacific Standard Time_dstoff</TimeZone>"),
    ("specialize", SHELL, "<TimeZone>utc</TimeZone>"),
    ("specialize", SHELL, "<ProductKey>00000-00000-00000-00000-00000</ProductKey>"),
    ("specialize", SHELL, "<RegisteredOwner></RegisteredOwner>"),
    ("specialize", INTERNATIONAL, "<InputLocale>en-US; fr-FR;0407:00000407</InputLocale>"),
    (
        "specialize",
        INTERNATIONAL,
        (
            "<InputLocale>0411:{03B5835F-F03C-411B-9CE2-AA23E1171E36}"
            "{A76C93D9-5523-4E90-AAFA-4DB112F9AC76}</InputLocale>"
        ),
    ),
    ("specialize", INTERNATIONAL, "<SystemLocale>es-ES_tradnl</SystemLocale>"),
    ("oobeSystem", INTERNATIONAL, "<UserLocale>sr-Latn-RS</UserLocale>"),
]


@pytest.mark.parametrize(("pass_name", "name", "body"), GOOD)
def test_good_file(pass_name: str, name: str, body: str) -> None:
    assert check(document(one(pass_name, name, body))) == []


COMMANDS = [
    r"cmd /c echo hello &gt; C:\log.txt",
    r"%SystemRoot%\System32\cmd.exe /c dir",
    "powershell -Command \"Get-Item 'a' | Out-Null\"",
    r"reg.exe add HKLM\SOFTWARE\Example /v Value /t REG_SZ /d \"a &amp; b\" /f",
    r"C:\Windows\System32\find.exe /i \"a|b\" C:\file",
    "start.exe",
    r"copy\tool.exe",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_run_as_they_stand(command: str) -> None:
    body = (
        '<FirstLogonCommands><SynchronousCommand wcm:action="add"><Order>1</Order>'
        f"<CommandLine>{command}</CommandLine></SynchronousCommand></FirstLogonCommands>"
    )

    assert check(document(one("oobeSystem", SHELL, body))) == []


def test_variables_of_a_template_are_no_wrong_values() -> None:
    body = "<ComputerName>${name}</ComputerName>\n<TimeZone>${zone}</TimeZone>"

    found = check(document(one("specialize", SHELL, body)))

    assert {finding.rule for finding in found} == {"template-variable"}
    assert {finding.level for finding in found} == {Level.NOTE}


def test_findings_are_in_the_order_of_the_text_and_printable() -> None:
    name = "x" * 5000 + "\x9b31m"
    body = f"<{'y' * 250}>1</{'y' * 250}>\n<TimeZone>{name}</TimeZone>"

    found = check(document(one("specialize", SHELL, body)))

    assert [finding.position.line for finding in found] == [5, 6]
    assert all(len(str(finding)) < 1000 and str(finding).isprintable() for finding in found)
