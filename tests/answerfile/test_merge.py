"""Merging: what the second file says is added, and wins."""

from __future__ import annotations

from lxml import etree

from reseal.answerfile import AnswerFile, check, formatted, merge
from tests.answerfile.judges import canonical
from tests.answerfile.samples import (
    DEPLOYMENT,
    INTERNATIONAL,
    JOIN,
    SETUP,
    SHELL,
    component,
    document,
    one,
    package,
    servicing,
    settings,
    unattend,
)


def merged(first: str, second: str) -> AnswerFile:
    result = merge(document(first), document(second))
    etree.fromstring(result.to_bytes())  # another parser reads it
    return result


def said(answer_file: AnswerFile) -> list[str]:
    return [f"{s.pass_name} {s.path}={s.text}" for s in answer_file.settings() if not s.children]


def test_a_setting_of_the_second_file_wins_and_others_are_added() -> None:
    first = one(
        "specialize", SHELL, "<!-- mine --><ComputerName>A</ComputerName><TimeZone>UTC</TimeZone>"
    )
    second = one(
        "specialize", SHELL, "<ComputerName>B &amp; C</ComputerName><CopyProfile>true</CopyProfile>"
    )

    result = merged(first, second)

    assert said(result) == [
        "specialize ComputerName=B & C",
        "specialize TimeZone=UTC",
        "specialize CopyProfile=true",
    ]
    assert b"<!-- mine -->" in result.to_bytes()


def test_passes_components_and_comments_of_the_second_file_are_added() -> None:
    first = one("specialize", SHELL, "<ComputerName>A</ComputerName>")
    second = unattend(
        settings("specialize", component(INTERNATIONAL, "<UserLocale>en-US</UserLocale>")),
        settings(
            "oobeSystem",
            component(SHELL, "<!-- why --><OOBE><HideEULAPage>true</HideEULAPage></OOBE>"),
        ),
    )

    result = merged(first, second)

    assert said(result) == [
        "specialize ComputerName=A",
        "specialize UserLocale=en-US",
        "oobeSystem OOBE/HideEULAPage=true",
    ]
    assert b"<!-- why -->" in result.to_bytes()
    assert formatted(result).to_bytes() == result.to_bytes()


def test_empty_passes_and_settings_are_filled() -> None:
    first = unattend(
        '<settings pass="specialize"/>\n', settings("oobeSystem", component(SHELL, "<OOBE/>"))
    )
    second = unattend(
        settings("specialize", component(SHELL, "<TimeZone>UTC</TimeZone>")),
        settings("oobeSystem", component(SHELL, "<OOBE><HideEULAPage>true</HideEULAPage></OOBE>")),
    )

    assert said(merged(first, second)) == [
        "specialize TimeZone=UTC",
        "oobeSystem OOBE/HideEULAPage=true",
    ]


def command(order: int, path: str) -> str:
    return (
        f'<RunSynchronousCommand wcm:action="add"><Order>{order}</Order><Path>{path}</Path>'
        "</RunSynchronousCommand>"
    )


def test_commands_are_appended_and_numbered_on() -> None:
    first = one(
        "specialize",
        DEPLOYMENT,
        f"<RunSynchronous>{command(1, 'a')}{command(5, 'b')}</RunSynchronous>",
    )
    second = one(
        "specialize",
        DEPLOYMENT,
        f"<RunSynchronous>{command(2, 'd')}{command(1, 'c')}{command(3, 'a')}</RunSynchronous>",
    )

    result = merged(first, second)

    commands = [
        (item.text_of("Order"), item.text_of("Path"))
        for item in result.settings()
        if item.name == "RunSynchronousCommand"
    ]
    assert commands == [("1", "a"), ("5", "b"), ("6", "c"), ("7", "d")]
    assert check(result) == []


def account(name: str, inside: str) -> str:
    return f'<LocalAccount wcm:action="add"><Name>{name}</Name>{inside}</LocalAccount>'


def test_accounts_are_the_same_by_name_and_passwords_are_replaced_whole() -> None:
    hidden = (
        "<Password><Value>cAB3AFAAYQBzAHMAdwBvAHIAZAA=</Value><PlainText>false</PlainText>"
        "</Password>"
    )
    first = one(
        "oobeSystem",
        SHELL,
        "<UserAccounts><LocalAccounts>"
        f"{account('bob', f'<Group>Users</Group>{hidden}')}</LocalAccounts></UserAccounts>",
    )
    second = one(
        "oobeSystem",
        SHELL,
        "<UserAccounts><LocalAccounts>"
        f"{account('Bob', '<Password><Value>new</Value></Password>')}{account('eve', '')}"
        "</LocalAccounts></UserAccounts>",
    )

    result = merged(first, second)

    assert [line.rpartition("LocalAccount/")[2] for line in said(result)] == [
        "Name=Bob",
        "Group=Users",
        "Password/Value=new",
        "Name=eve",
    ]


def test_keyed_items_are_the_same_by_key() -> None:
    def file(*addresses: tuple[str, str]) -> str:
        items = "".join(
            f'<IpAddress wcm:action="add" wcm:keyValue="{key}">{address}</IpAddress>'
            for key, address in addresses
        )
        return one(
            "specialize",
            "Microsoft-Windows-TCPIP",
            '<Interfaces><Interface wcm:action="add"><Identifier>Ethernet</Identifier>'
            f"<UnicastIpAddresses>{items}</UnicastIpAddresses></Interface></Interfaces>",
        )

    result = merged(file(("1", "192.0.2.1/24")), file(("1", "192.0.2.9/24"), ("2", "192.0.2.2/24")))

    assert [s.text for s in result.settings() if s.key] == ["192.0.2.9/24", "192.0.2.2/24"]


def test_disks_and_joins_are_taken_whole() -> None:
    first = unattend(
        settings(
            "windowsPE",
            component(
                SETUP, "<DiskConfiguration><WillShowUI>Always</WillShowUI></DiskConfiguration>"
            ),
        ),
        settings(
            "specialize",
            component(JOIN, "<Identification><JoinWorkgroup>W</JoinWorkgroup></Identification>"),
        ),
    )
    disk = '<Disk wcm:action="add"><DiskID>0</DiskID></Disk>'
    second = unattend(
        settings(
            "windowsPE",
            component(SETUP, f"<DiskConfiguration>{disk}</DiskConfiguration>"),
        ),
        settings(
            "specialize",
            component(JOIN, "<Identification><JoinDomain>d</JoinDomain></Identification>"),
        ),
    )

    assert said(merged(first, second)) == [
        "windowsPE DiskConfiguration/Disk/DiskID=0",
        "specialize Identification/JoinDomain=d",
    ]


def test_architectures_are_kept_apart() -> None:
    first = unattend(
        settings("specialize", component(SHELL, "<ComputerName>A</ComputerName>", "amd64"))
    )
    second = unattend(
        settings("specialize", component(SHELL, "<ComputerName>B</ComputerName>", "arm64"))
    )

    result = merged(first, second)

    assert [c.architecture for c in result.components()] == ["amd64", "arm64"]


def test_prefixes_are_declared_where_the_first_file_does_not_know_them() -> None:
    first = one("specialize", SHELL, "<ComputerName>A</ComputerName>").replace(
        ' xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"', ""
    )
    second = one("specialize", DEPLOYMENT, f"<RunSynchronous>{command(1, 'a')}</RunSynchronous>")

    result = merged(first, second)

    (item,) = [s for s in result.settings() if s.name == "RunSynchronousCommand"]
    assert item.action == "add"
    same = merged(second, first)
    assert said(same) != said(result)
    assert sorted(said(same)) == sorted(said(result))


def test_other_elements_of_the_second_file_come_along() -> None:
    first = one("specialize", SHELL, "<ComputerName>A</ComputerName>")
    file = '<File path="x"><![CDATA[ <keep> ]]></File>'
    file = '<File path="x"><![CDATA[ <keep> ]]></File>'
    extension = f'<Extensions xmlns="urn:example">{file}</Extensions>'
    second = one("specialize", SHELL, "").replace("</unattend>", f"{extension}</unattend>")

    result = merged(first, second)

    assert extension.encode() in result.to_bytes()
    assert merged(second, second).to_bytes().count(b"<Extensions") == 1


def test_packages_of_both_files_stay() -> None:
    telnet = '<selection name="TelnetClient" state="{}"/>'
    first = unattend(
        servicing(package("A", "install"), package("F", "configure", telnet.format("true")))
    )
    twice = package("B", "install") * 2
    second = unattend(
        servicing(twice, package("f", "configure", telnet.format("false")), package("A", "remove"))
    )
    result = merged(first, second)
    assert [(one.name, one.action, one.selections) for one in result.packages] == [
        ("A", "install", ()),
        ("f", "configure", (("TelnetClient", False),)),
        ("B", "install", ()),
        ("B", "install", ()),
        ("A", "remove", ()),
    ]
    empty = unattend("<servicing/>\n")
    assert [one.name for one in merged(empty, first).packages] == ["A", "F"]
    assert merged(first, empty).to_bytes() == merged(first, first).to_bytes()


def test_encoding_and_line_ends_are_those_of_the_first_file() -> None:
    first = one("specialize", SHELL, "<ComputerName>A</ComputerName>").replace("\n", "\r\n")
    second = one("oobeSystem", SHELL, "<OOBE>\n<HideEULAPage>true</HideEULAPage>\n</OOBE>")
    wide = b"\xff\xfe" + first.replace("utf-8", "utf-16").encode("utf-16-le")

    data = merge(AnswerFile(wide), document(second)).to_bytes()

    assert data[:2] == b"\xff\xfe"
    text = data.decode("utf-16")
    assert text.count("\n") == text.count("\r\n")
    assert canonical(merge(document(first), document(second)).to_bytes()) == canonical(data)
