"""`reseal unattend`: what a person sees, and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from reseal.answerfile import RULES, AnswerFile, check
from reseal.answerfile.secrets import unhide
from reseal.cli.unattend import unattend
from tests.answerfile.samples import SHELL, one

if TYPE_CHECKING:
    from pathlib import Path

GOOD = one("specialize", SHELL, "<ComputerName>PC</ComputerName>")
BAD = one("specialize", SHELL, "<ComputerName>my pc</ComputerName>")
NOTED = one("specialize", SHELL, "<ComputerName>${name}</ComputerName>")
SECRET = one(
    "oobeSystem",
    SHELL,
    "<UserAccounts><AdministratorPassword><Value>hunter2</Value></AdministratorPassword>"
    "</UserAccounts>",
)


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(unattend, [str(argument) for argument in arguments], input=stdin)


def file(folder: Path, text: str, name: str = "unattend.xml") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_check_of_good_and_bad_files(tmp_path: Path) -> None:
    good, bad = file(tmp_path, GOOD, "good.xml"), file(tmp_path, BAD, "bad.xml")

    assert run("check", good).exit_code == 0
    result = run("check", good, bad)
    assert result.exit_code == 3
    assert result.stdout == (
        f"{bad}:5:15: error: the computer name holds space; DNS and NetBIOS do not allow that; "
        "write letters, digits and hyphens, or * alone for a random one [computer-name]\n"
    )
    assert result.stderr == "2 files: 1 error, 0 warnings, 0 notes\n"


def test_check_of_unreadable_files(tmp_path: Path) -> None:
    broken = file(tmp_path, GOOD.replace("</unattend>", ""), "broken.xml")
    absent = tmp_path / "absent.xml"

    result = run("check", broken, absent, file(tmp_path, BAD))
    assert result.exit_code == 4
    assert f"{broken}:9:1: the file ends, and the element that starts on line 2" in result.stdout
    assert f"{absent}: the file can't be read: No such file or directory" in result.stdout
    assert "[computer-name]" in result.stdout


UNREADABLE = {
    "UTF-32": GOOD.encode("utf-32"),
    "UTF-32 without its mark": GOOD.encode("utf-32-be"),
    "UTF-16 that says UTF-8": GOOD.encode("utf-16"),
    "bytes": bytes(range(256)),
    "nothing": b"",
    "cut off": GOOD.encode()[:-20],
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_file_is_a_message_everywhere(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "unattend.xml"
    path.write_bytes(data)
    commands = [
        ("show", path),
        ("fmt", path),
        ("hide-secrets", path),
        ("merge", path, path),
    ]
    for command in commands:
        result = run(*command)
        assert result.exit_code == 4, command
        assert str(path) in result.stderr
    assert path.read_bytes() == data

    result = run("check", path)
    assert result.exit_code == 4
    assert result.stderr == "1 file: 1 can't be read\n"
    assert str(path) in result.stdout
    assert json.loads(run("check", "--json", path).stdout)["counts"] is None
    good = file(tmp_path, GOOD, "good.xml")
    counted = "2 files: 1 can't be read; 0 errors, 0 warnings, 0 notes\n"
    assert run("check", path, good).stderr == counted


def test_check_leaves_out_what_is_not_asked_for(tmp_path: Path) -> None:
    path = file(tmp_path, NOTED)

    assert "[template-variable]" in run("check", path).stdout
    assert run("check", "--level", "warning", path).stdout == ""


def test_check_as_json(tmp_path: Path) -> None:
    bad = file(tmp_path, BAD)
    result = run("check", "--json", bad, tmp_path / "absent.xml")

    assert result.exit_code == 4
    record = json.loads(result.stdout)
    assert record["counts"] == {"error": 1, "warning": 0, "note": 0}
    assert record["findings"][0] | {"what": "", "why": "", "instead": ""} == {
        "file": str(bad),
        "line": 5,
        "column": 15,
        "level": "error",
        "rule": "computer-name",
        "what": "",
        "why": "",
        "instead": "",
    }
    assert record["unreadable"][0]["file"] == str(tmp_path / "absent.xml")


def test_show(tmp_path: Path) -> None:
    path = file(tmp_path, SECRET)

    text = run("show", path)
    assert text.exit_code == 0
    assert text.stdout == (
        "oobeSystem: before the out-of-box experience, unless the machine boots into audit mode\n"
        "  The built-in Administrator gets a password (hidden).\n"
    )
    record = json.loads(run("show", "--json", path).stdout)
    assert record["passes"][0]["pass"] == "oobeSystem"
    assert record["passes"][0]["steps"][0]["line"] == 5


def test_show_of_an_unreadable_file(tmp_path: Path) -> None:
    result = run("show", file(tmp_path, "<unattend"))

    assert result.exit_code == 4
    assert "Error: " in result.stderr
    assert "What to do: " in result.stderr


def test_rules() -> None:
    assert all(name in run("rules").stdout for name in RULES)
    assert {row["rule"] for row in json.loads(run("rules", "--json").stdout)} == set(RULES)


def test_fmt(tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)
    path.chmod(0o640)

    assert run("fmt", "--check", path).exit_code == 3
    assert path.read_text() == GOOD
    assert run("fmt", path).exit_code == 0
    assert path.read_text() != GOOD
    assert path.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", path).exit_code == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["unattend.xml"]


def test_hide_secrets(tmp_path: Path) -> None:
    path, other = file(tmp_path, SECRET), tmp_path / "hidden.xml"

    assert run("hide-secrets", path, "-o", other).exit_code == 0
    assert path.read_text() == SECRET
    assert "hunter2" not in other.read_text()
    assert other.stat().st_mode & 0o777 == 0o600
    assert run("hide-secrets", path).exit_code == 0
    assert path.read_text() == other.read_text()


def test_hide_secrets_names_what_stays_readable(tmp_path: Path) -> None:
    body = (
        "<Identification><Credentials><Password>hunter2</Password></Credentials></Identification>"
    )
    path = file(tmp_path, one("specialize", "Microsoft-Windows-UnattendedJoin", body))

    result = run("hide-secrets", path)
    assert result.exit_code == 0
    assert f"{path}:5:30: " in result.stderr
    assert "hunter2" not in result.output


def test_merge(tmp_path: Path) -> None:
    first = file(tmp_path, GOOD, "a.xml")
    second = file(tmp_path, one("specialize", SHELL, "<TimeZone>UTC</TimeZone>"), "b.xml")

    printed = run("merge", first, second)
    assert printed.exit_code == 0
    assert "<TimeZone>UTC</TimeZone>" in printed.stdout
    assert run("merge", first, second, "-o", tmp_path / "c.xml").exit_code == 0
    assert (tmp_path / "c.xml").read_text() == printed.stdout


def test_writing_where_one_can_not(tmp_path: Path) -> None:
    path = file(tmp_path, SECRET)

    result = run("hide-secrets", path, "-o", tmp_path / "absent" / "x.xml")
    assert result.exit_code == 2
    assert "can't be written" in result.stderr


def test_new_from_options(tmp_path: Path) -> None:
    password = file(tmp_path, "hunter2\nrest\n", "password")
    output = tmp_path / "unattend.xml"

    result = run(
        *("new", "--computer-name", "PC-1", "--locale", "de-DE", "--time-zone", "UTC"),
        *("--account", f"bob,group=Administrators,password-file={password}", "--logon", "bob"),
        *("--interface", "Ethernet,address=192.0.2.10/24,gateway=192.0.2.1,dns=192.0.2.53"),
        *("--domain", "example.org", "--domain-user", "adm", "--domain-password-file", "-"),
        *("--first-logon", "cmd /c echo one", "--first-logon", "cmd /c echo two"),
        *("--mode", "audit", "--copy-profile", "--product-key-file", "-"),
        *("--output", output),
        stdin="W269N-WFGWX-YVC9B-4J6C9-T83GX\njoin-secret\n",
    )

    assert (result.exit_code, result.output) == (0, "")
    assert output.stat().st_mode & 0o777 == 0o600
    made = AnswerFile.load(output)
    assert {finding.level.value for finding in check(made)} == {"note"}
    values = {setting.path: setting.text for setting in made.settings()}
    assert values["ProductKey"] == "W269N-WFGWX-YVC9B-4J6C9-T83GX"
    assert values["Identification/Credentials/Password"] == "join-secret"
    hidden = values["UserAccounts/LocalAccounts/LocalAccount/Password/Value"]
    assert unhide(hidden, "Password") == "hunter2"
    assert values["Reseal/Mode"] == "Audit"


def test_new_for_several_architectures_makes_several_files(tmp_path: Path) -> None:
    names = ("--architecture", "amd64", "--architecture", "arm64")

    assert run("new", *names).exit_code == 2
    assert run("new", *names, "-o", tmp_path / "unattend.xml").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "unattend-amd64.xml",
        "unattend-arm64.xml",
    ]


def test_new_writes_over_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, GOOD)

    result = run("new", "--computer-name", "PC", "-o", path)
    assert result.exit_code == 2
    assert path.read_text() == GOOD


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--computer-name", "my pc"), 3, "the computer name holds space"),
        (("--time-zone", "Europe/Berlin"), 3, "does not exist"),
        (("--interface", "Ethernet,address=300.1.1.1/24"), 3, "it is an address"),
        (("--interface", "Ethernet,colour=red"), 2, "--interface does not understand colour=red"),
        (("--account", ",group=Users"), 2, "--account needs a name first"),
        (("--account", "bob,password-file=/absent"), 2, "no secret can be read from /absent"),
        (("--domain", "example.org"), 2, "joining a domain needs a user and a password"),
    ],
)
def test_new_refuses_what_windows_would_not_accept(
    options: tuple[str, ...], code: int, message: str
) -> None:
    result = run("new", *options)

    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_new_asks(tmp_path: Path) -> None:
    answers = [
        *("PC-1", "de-DE", "UTC", "", "geheim", "geheim"),
        *("bob", "hunter2", "hunter2"),
        *("192.0.2.10/24", "", "192.0.2.1", "192.0.2.53 192.0.2.54"),
        *("", "cmd /c echo hello", "", "n", "y"),
    ]
    path = tmp_path / "unattend.xml"
    result = run("new", "--ask", "-o", path, stdin="\n".join([*answers, ""]))

    assert result.exit_code == 0, result.output
    values = {setting.path: setting.text for setting in AnswerFile.load(path).settings()}
    assert values["ComputerName"] == "PC-1"
    assert values["CopyProfile"] == "true"
    assert "ProductKey" not in values
    assert values["UserAccounts/LocalAccounts/LocalAccount/Name"] == "bob"
    assert values["Interfaces/Interface/Identifier"] == "Ethernet"
    assert "hunter2" not in result.output
    assert "geheim" not in result.output


def test_help_names_no_option_that_takes_a_secret() -> None:
    """What stands on a command line can be read by everybody on the machine."""
    help_text = run("new", "--help").stdout

    assert "--administrator" in help_text
    assert "--password " not in help_text


def test_standard_streams(tmp_path: Path) -> None:
    other = file(tmp_path, one("specialize", SHELL, "<RegisteredOwner>x</RegisteredOwner>"))
    spread = GOOD.replace("\n", "")

    assert run("check", "-", stdin=GOOD).exit_code == 0
    assert "standard input:5:15: error" in run("check", "-", stdin=BAD).stdout
    assert 'The computer is named "PC".' in run("show", "-", stdin=GOOD).stdout
    laid_out = run("fmt", "-", stdin=spread)
    assert laid_out.exit_code == 0
    assert AnswerFile(laid_out.stdout.encode()).root
    assert laid_out.stdout != spread
    assert run("fmt", "-", stdin=laid_out.stdout).stdout == laid_out.stdout
    assert run("fmt", "--check", "-", stdin=spread).exit_code == 3
    hidden = run("hide-secrets", "-", "--output", "-", stdin=SECRET)
    assert "hunter2" not in hidden.stdout
    assert "<PlainText>false</PlainText>" in hidden.stdout
    for arguments in (("-", other), (other, "-")):
        merged = run("merge", *arguments, "-o", "-", stdin=GOOD)
        assert "<RegisteredOwner>x</RegisteredOwner>" in merged.stdout
        assert "<ComputerName>PC</ComputerName>" in merged.stdout
    made = run("new", "--computer-name", "PC", "-o", "-")
    assert "<ComputerName>PC</ComputerName>" in made.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["unattend.xml"]


@pytest.mark.parametrize("name", ["kiosk", "Guest", "SYSTEM", "bob.", "Everyone"])
def test_new_refuses_accounts_that_windows_refuses(name: str) -> None:
    result = run("new", "--computer-name", "Kiosk", "--account", name)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert "account" in result.stderr


@pytest.mark.parametrize(
    "zone", ["CET", "Europe/Berlin", "PST", "(UTC) Coordinated Universal Time"]
)
def test_new_says_how_windows_calls_a_time_zone(zone: str) -> None:
    result = run("new", "--time-zone", zone)

    assert result.exit_code == 3
    assert "Standard Time" in result.stderr or "write UTC" in result.stderr


def test_new_keeps_every_gateway_and_route() -> None:
    words = (
        "Ethernet,address=192.0.2.10/24,address=2001:db8::5/64,gateway=192.0.2.1,"
        "gateway=2001:db8::1,route=10.0.0.0/8@192.0.2.2"
    )
    made = AnswerFile(run("new", "--interface", words).stdout.encode())
    hops = [one.text for one in made.settings() if one.name == "NextHopAddress"]

    assert hops == ["192.0.2.1", "2001:db8::1", "192.0.2.2"]


def test_new_takes_any_setting() -> None:
    result = run(
        "new",
        *("--set", "oobeSystem/Shell-Setup/OOBE/ProtectYourPC=1"),
        *("--set", "Shell-Setup/FirstLogonCommands/SynchronousCommand[1]/CommandLine=notepad"),
    )
    made = AnswerFile(result.stdout.encode())
    values = {setting.path: setting.text for setting in made.settings()}

    assert values["OOBE/ProtectYourPC"] == "1"
    assert values["FirstLogonCommands/SynchronousCommand/CommandLine"] == "notepad"
    wrong = run("new", "--set", "oobeSystem/Shell-Setup/OOBE/ProtectYourPC=9")
    assert wrong.exit_code == 3
    assert "ProtectYourPC" in wrong.stderr
    assert run("new", "--set", "Shell-Setup/ComputrName=x").exit_code == 2


@pytest.mark.parametrize(
    ("edition", "key"),
    [
        ("Windows 11 Pro", "W269N-WFGWX-YVC9B-4J6C9-T83GX"),
        ("windows server 2022 standard", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"),
        ("Windows 7 Enterprise", "33PXH-7Y6KF-2VJC9-XBBR8-HVTHH"),
    ],
)
def test_new_takes_the_public_key_of_an_edition(edition: str, key: str) -> None:
    made = AnswerFile(run("new", "--edition", edition).stdout.encode())

    assert [one.text for one in made.settings() if one.name == "ProductKey"] == [key]
    wrong = run("new", "--edition", "Windows 12 Pro")
    assert wrong.exit_code == 2
    assert "Did you mean" in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--interface", "Ethernet,address=192.0.2.1/24,suffix=a,suffix=b"),
        ("--interface", "Ethernet,address=192.0.2.1/24,route=10.0.0.0/8"),
        ("--oem", "colour=blue"),
        ("--set", "Shell-Setup/AutoLogon/Password/Value=hunter2"),
        ("--set", "UnattendedJoin/Identification/Credentials/Password=hunter2"),
        ("--set", "Shell-Setup/ProductKey=W269N-WFGWX-YVC9B-4J6C9-T83GX"),
        ("--run", "oobeSystem:cmd"),
        ("--run", "cmd"),
        ("--image", "1"),
        ("--volume", "1"),
        ("--edition", "Windows 11 Pro", "--product-key-file", "-"),
    ],
)
def test_new_refuses_what_it_can_not_do(arguments: tuple[str, ...]) -> None:
    result = run("new", *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
