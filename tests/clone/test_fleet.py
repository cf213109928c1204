"""A fleet is checked whole, and every problem has its place."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from reseal.answerfile import AnswerFile, AnswerFileError, Target, fill
from reseal.clone.answers import settings_of
from reseal.clone.fleet import FleetError, check
from reseal.clone.golden import Golden
from reseal.clone.plan import FleetMachine
from reseal.clone.table import load
from reseal.windows import Sid
from tests.answerfile.samples import JOIN, SHELL, component, one, settings, unattend

OWN = "S-1-5-21-1-2-3"
SID = "S-1-5-21-3004336341-3177238912-782003339"
TEMPLATE = one("specialize", SHELL, "<RegisteredOwner>${Owner} of ${site}</RegisteredOwner>")
JOINING = unattend(
    settings(
        "specialize",
        component(
            JOIN,
            "<Identification><Credentials><Domain>d</Domain><Password>p</Password>"
            "<Username>u</Username></Credentials><JoinDomain>${domain}</JoinDomain></Identification>",
        ),
    )
)


def golden(path: Path) -> Golden:
    return Golden(
        path=path,
        sid=Sid.parse(OWN),
        domain=Sid.parse("S-1-5-21-7-8-9"),
        name="GOLDEN",
        server=False,
        target=Target("amd64", 22631, frozenset({"UTC", "W. Europe Standard Time"}), None),
        warnings=(),
    )


def problems(tmp_path: Path, text: str, template: str | None = None) -> list[str]:
    table = tmp_path / "fleet.csv"
    table.write_text(text)
    own = tmp_path / "own.xml"
    if template is not None:
        own.write_text(template)
    with pytest.raises(FleetError) as caught:
        check(load(table), golden(tmp_path / "golden.qcow2"), own if template else None)
    assert caught.value.exit_code == 2
    return [one.removeprefix(f"{table}:") for one in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("name\nWS-1\nws-1\n", "3:1", "line 2"),
        ("name\nmuch-too-long-a-name\n", "2:1", "20 bytes"),
        ("name\n12345\n", "2:1", "digits"),
        ("name\nA_B.C\n", "2:1", "holds"),
        ("name,sid\n,new\n", "2:1", "no name"),
        ("sid\nnew\n", "2:1", "no column name"),
        (f"name,sid\nA,{SID}\nB,{SID}\n", "3:3", "line 2"),
        ("name,sid\nA,nobody\n", "2:3", "neither"),
        ("name,sid\nA,S-1-5-32-544\n", "2:3", "not a machine SID"),
        (f"name,sid\nA,{OWN}\n", "2:3", "golden image's own"),
        ("name,sid\nA,S-1-5-21-7-8-9\n", "2:3", "domain"),
        ("name,sid\nA,S-1-5-21-2702878673-795188819-444038987\n", "2:3", "constant"),
        ("name,mac\nA,52:54:00:00:00:01\nB,52-54-00-00-00-01\n", "3:3", "line 2"),
        ("name,mac\nA,52:54:00\n", "2:3", "not a MAC"),
        ("name,mac\nA,01-00-5E-00-00-01\n", "2:3", "a single machine"),
        ("name,mac,addresses\nA,525400000001,192.0.2.1\n", "2:16", "prefix"),
        ("name,addresses\nA,192.0.2.1/24\n", "2:3", "need a mac"),
        ("name,mac,dns\nA,525400000001,here\n", "2:16", "not an IP address"),
        ("name,mac,gateway\nA,525400000001,192.0.2.1\n", "2:16", "needs addresses"),
        (
            "name,mac,addresses\nA,525400000001,192.0.2.1/24\nB,525400000002,192.0.2.1/25\n",
            "3:16",
            "line 2",
        ),
        ("name,product_key\nA,ABC\n", "2:3", "product key"),
        ("name,time_zone\nA,Nowhere\n", "2:3", "time zone"),
        ("name,locale\nA,english\n", "2:3", ""),
        ("name,domain\nA,corp.example\n", "2:3", "credentials"),
        ("name,colour\nA,red\n", "1:6", "neither known"),
        ("name,ownr\nA,Ben\n", "1:6", "did you mean owner"),
        ("name,unattend\nA,missing.xml\n", "2:3", "can't be read"),
    ],
)
def test_problems_have_their_place(text: str, place: str, said: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{place}: ")
    assert said in problem


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "name,sid,colour\n-A,nobody,red\nB,,\nb,,\n")
    assert [one.split(": ")[0] for one in found] == ["1:10", "2:1", "2:4", "4:1"]


def test_a_variable_without_a_value(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "name,owner,site\nA,Ben,north\nB,Eve,\n", TEMPLATE)
    assert problem.startswith("3:1: ")
    assert "the variable site" in problem
    assert "own.xml:5:" in problem


def test_a_template_is_checked_for_the_golden_image(tmp_path: Path) -> None:
    wrong = one("specialize", SHELL, "<TimeZone>${zone}</TimeZone>")
    (problem,) = problems(tmp_path, "name,zone\nA,Nowhere\n", wrong)
    assert problem.startswith("2:1: ")


def test_a_value_that_the_template_can_not_hold(tmp_path: Path) -> None:
    latin = TEMPLATE.replace("utf-8", "iso-8859-1")
    (problem,) = problems(tmp_path, "name,owner,site\nA,Ωmega,north\n", latin)
    assert problem.startswith("2:3: ")


def test_a_template_that_is_no_answer_file(tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    table.write_text("name\nA\n")
    own.write_text("<unattend")
    with pytest.raises(AnswerFileError):
        check(load(table), golden(tmp_path), own)


def test_a_machine_as_the_table_wants_it(tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    own.write_text(TEMPLATE)
    (tmp_path / "join.xml").write_text(JOINING)
    table.write_text(
        "name,sid,owner,site,unattend,domain,mac,addresses\n"
        f"A,{SID},Ben,north,,,52:54:00:aa:bb:cc,192.0.2.1/24 2001:db8::1/64\n"
        "B,pending,Eve,,join.xml,corp.example,,\n*,,X,Y,,,,\n*,,X,Y,,,,\n"
    )
    fleet = check(load(table), golden(tmp_path), own)
    first, second, third, fourth = fleet.machines
    assert first.variables == {"Owner": "Ben", "site": "north"}
    # What the template places is not placed anywhere else.
    assert first.answers == {
        "mac": ["52-54-00-AA-BB-CC"],
        "addresses": ["192.0.2.1/24", "2001:db8::1/64"],
    }
    assert (first.mac, first.addresses) == ("52-54-00-AA-BB-CC", ("192.0.2.1", "2001:db8::1"))
    assert second.template == str(tmp_path / "join.xml")
    assert second.variables == {"domain": "corp.example"}
    assert second.answers == {"owner": ["Eve"]}
    assert len({one.key for one in fleet.machines}) == 4
    assert (third.name, fourth.name) == ("*", "*")
    assert set(fleet.templates) == {str(own), str(tmp_path / "join.xml")}
    again = check(load(table), golden(tmp_path), own)
    assert [one.key for one in again.machines] == [one.key for one in fleet.machines]


ACCOUNT = (
    '<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>{}</Name>'
    "</LocalAccount></LocalAccounts></UserAccounts>"
)


@pytest.mark.parametrize(
    ("account", "table", "place"),
    [
        ("kiosk", "name\nkiosk\n", "2:1"),
        ("Kiosk", "name\nPC-1\nKIOSK\n", "3:1"),
        ("${name}", "name\nPC-1\n", "2:1"),
        ("${login}", "name,login\nPC-1,bob\nPC-2,pc-2\n", "3:1"),
    ],
)
def test_no_account_has_the_name_of_its_computer(
    account: str, table: str, place: str, tmp_path: Path
) -> None:
    template = one("oobeSystem", SHELL, ACCOUNT.format(account))
    (problem,) = problems(tmp_path, table, template)

    assert problem.startswith(f"{place}: an account of")
    assert "has the name of this computer" in problem


@pytest.mark.parametrize("name", ["Guest", "SYSTEM", "bob."])
def test_accounts_that_windows_refuses(name: str, tmp_path: Path) -> None:
    template = one("oobeSystem", SHELL, ACCOUNT.format("${login}"))
    (problem,) = problems(tmp_path, f"name,login\nPC-1,{name}\n", template)

    assert problem.startswith("2:")
    assert "account" in problem


#: A style, how a template of it writes the column owner.
STYLED = {
    "jinja": "{{ owner }}",
    "dollars": "$OWNER$",
    "percent": "%OWNER%",
    "hash": "#owner#",
    "underscore": "__OWNER__",
    "at": "@owner@",
    "dollar": "${owner}",
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("style", STYLED)
def test_templates_of_other_tools_are_filled_in(style: str, named: bool, tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    table.write_text("name,owner\nPC-1,Contoso\n")
    text = one("specialize", SHELL, f"<RegisteredOwner>{STYLED[style]} Ltd</RegisteredOwner>")
    own.write_text(text.replace('"amd64"', '"{{ arch }}"'))
    fleet = check(load(table), golden(tmp_path / "g"), own, style if named else None)
    (machine,) = fleet.machines
    (encoded,) = fleet.templates.values()
    filled = fill(AnswerFile(base64.b64decode(encoded)), machine.variables)

    assert [one.text for one in filled.settings()] == ["Contoso Ltd"]
    assert [one.architecture for one in filled.components()] == ["amd64"]


def test_a_variable_of_a_named_style_needs_a_value(tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    table.write_text("name\nPC-1\n")
    own.write_text(one("specialize", SHELL, "<RegisteredOwner>{{ owner }}</RegisteredOwner>"))

    with pytest.raises(FleetError, match=r"the variable owner of .* has no value"):
        check(load(table), golden(tmp_path / "g"), own, "jinja")
    assert check(load(table), golden(tmp_path / "g"), own).machines


def test_commands_keep_variables_of_the_environment(tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    table.write_text("name,owner\nPC-1,x\n")
    command = (
        '<FirstLogonCommands><SynchronousCommand wcm:action="add"><Order>1</Order>'
        "<CommandLine>cmd /c echo %OWNER% {{ owner }}</CommandLine>"
        "</SynchronousCommand></FirstLogonCommands>"
    )
    own.write_text(one("oobeSystem", SHELL, command))
    (encoded,) = check(load(table), golden(tmp_path / "g"), own).templates.values()

    assert b"%OWNER% ${owner}" in base64.b64decode(encoded)


@pytest.mark.parametrize("locale", ["ja-JP", "de-DE", "pt-BR"])
def test_a_language_that_the_golden_image_lacks(locale: str, tmp_path: Path) -> None:
    table = tmp_path / "fleet.csv"
    table.write_text(f"name,locale\nPC-1,{locale}\nPC-2,en-US\n")
    image = golden(tmp_path / "g")
    image = replace(image, target=replace(image.target, languages=frozenset({"en-US"})))

    assert check(load(table), image).warnings == (
        f'The image has no language pack for "{locale}": Windows stays in en-US.',
    )
    machine = FleetMachine("PC-1", None, "key", answers={"locale": [locale]})
    made = settings_of(machine, ["en-US"])
    assert made is not None
    values = {(one.pass_name, one.name): one.text for one in made("amd64").settings()}
    assert values["oobeSystem", "UILanguage"] == "en-US"
    assert values["oobeSystem", "UserLocale"] == locale


def test_a_file_for_several_architectures_makes_a_fleet(tmp_path: Path) -> None:
    table, own = tmp_path / "fleet.csv", tmp_path / "own.xml"
    table.write_text("name\nPC-1\n")
    body = "<RegisteredOwner>x</RegisteredOwner>"
    names = ("amd64", "x86", "arm64")
    own.write_text(unattend(settings("specialize", *(component(SHELL, body, n) for n in names))))
    fleet = check(load(table), golden(tmp_path / "g"), own)

    assert len(fleet.machines) == 1
    assert fleet.warnings == ()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("192.0.2.1;2001:db8::1", ["192.0.2.1", "2001:db8::1"]),
        ("192.0.2.1 192.0.2.2", ["192.0.2.1", "192.0.2.2"]),
    ],
)
def test_every_gateway_of_a_row_is_kept(cell: str, expected: list[str], tmp_path: Path) -> None:
    table = tmp_path / "fleet.csv"
    table.write_text(
        f'name,mac,addresses,gateway\nPC-1,525400000001,"192.0.2.10/24;2001:db8::10/64","{cell}"\n'
    )
    (machine,) = check(load(table), golden(tmp_path / "g")).machines
    made = settings_of(machine)
    assert made is not None

    hops = [one.text for one in made("amd64").settings() if one.name == "NextHopAddress"]
    assert hops == expected


#: A template whose own faults do not depend on a row.
FAULTY = one(
    "specialize", SHELL, "<RegisteredOwner>${owner}</RegisteredOwner><TimeZone>CET</TimeZone>"
)
ZONED = one("specialize", SHELL, "<TimeZone>${zone}</TimeZone>")
MADE = one(
    "oobeSystem",
    SHELL,
    '<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>${user}</Name>'
    "<Group>Users</Group></LocalAccount></LocalAccounts></UserAccounts>",
)


@pytest.mark.parametrize(
    ("template", "text", "places"),
    [
        (ZONED, "name,zone\nA,UTC\nB,CET\n", ["3:1"]),
        (ZONED, "name,zone\nA,UTC\nB,CET\nC,UTC\nD,PST\n", ["3:1", "5:1"]),
        (MADE, "name,user\nA,bob\nB,Guest\nC,SYSTEM\nD,a.\n", ["3:1", "4:1", "5:1"]),
        (FAULTY, "name,owner\nA,x\nB,y\nC,z\n", ["2:1"]),
    ],
)
def test_the_values_of_every_row_are_judged_before_anything_is_written(
    tmp_path: Path, template: str, text: str, places: list[str]
) -> None:
    found = problems(tmp_path, text, template)

    assert [one.partition(": ")[0] for one in found] == places
