"""What an answer file makes Windows do, in words."""

from __future__ import annotations

from reseal.answerfile import Pass, mark, show
from tests.answerfile.samples import (
    DEPLOYMENT,
    DNS,
    INTERNATIONAL,
    JOIN,
    SETUP,
    SHELL,
    TCPIP,
    component,
    document,
    one,
    package,
    servicing,
    settings,
    unattend,
)


def steps(text: str) -> list[str]:
    return [step.text for passes in show(document(text)) for step in passes.steps]


def test_a_machine() -> None:
    text = unattend(
        settings("oobeSystem", component(INTERNATIONAL, "<UserLocale>de-DE</UserLocale>")),
        settings(
            "specialize",
            component(
                SHELL,
                "<ComputerName>*</ComputerName><ProductKey>W269N-WFGWX-YVC9B-4J6C9-T83GX"
                "</ProductKey><CopyProfile>true</CopyProfile><OEMName>Contoso</OEMName>",
            ),
            component(
                TCPIP,
                '<Interfaces><Interface wcm:action="add"><Identifier>Ethernet</Identifier>'
                '<UnicastIpAddresses><IpAddress wcm:action="add" wcm:keyValue="1">192.0.2.9/24'
                '</IpAddress></UnicastIpAddresses><Routes><Route wcm:action="add"><Identifier>0'
                "</Identifier><NextHopAddress>192.0.2.1</NextHopAddress><Prefix>0.0.0.0/0</Prefix>"
                "</Route></Routes></Interface></Interfaces>",
            ),
            component(
                DNS,
                '<Interfaces><Interface wcm:action="add"><Identifier>Ethernet</Identifier>'
                '<DNSServerSearchOrder><IpAddress wcm:action="add" wcm:keyValue="1">192.0.2.53'
                "</IpAddress></DNSServerSearchOrder></Interface></Interfaces>",
            ),
            component(
                JOIN,
                "<Identification><Credentials><Domain>d</Domain><Username>adm</Username><Password>"
                "hunter2</Password></Credentials><JoinDomain>example.org</JoinDomain>"
                "<MachineObjectOU>OU=Lab</MachineObjectOU></Identification>",
            ),
        ),
    )

    assert [passes.name for passes in show(document(text))] == ["specialize", "oobeSystem"]
    assert steps(text) == [
        "The computer gets a random name.",
        "Windows gets the product key that ends in T83GX.",
        "The profile of the built-in Administrator becomes the default profile of new users.",
        'Shell-Setup OEMName is "Contoso".',
        'The network interface "Ethernet" gets 192.0.2.9/24.',
        'From "Ethernet", "0.0.0.0/0" is reached by "192.0.2.1".',
        '"Ethernet" asks the DNS servers 192.0.2.53.',
        'The machine joins the domain "example.org" with the credentials of "adm", in "OU=Lab".',
        'Dates, numbers and currency follow "de-DE".',
    ]


def test_a_disk_and_an_image() -> None:
    text = one(
        "windowsPE",
        SETUP,
        '<DiskConfiguration><Disk wcm:action="add"><DiskID>0</DiskID><WillWipeDisk>true'
        '</WillWipeDisk><CreatePartitions><CreatePartition wcm:action="add"><Order>1</Order>'
        '<Type>EFI</Type><Size>100</Size></CreatePartition><CreatePartition wcm:action="add">'
        "<Order>2</Order><Type>Primary</Type><Extend>true</Extend></CreatePartition>"
        '</CreatePartitions><ModifyPartitions><ModifyPartition wcm:action="add"><Order>1</Order>'
        "<PartitionID>2</PartitionID><Format>NTFS</Format><Letter>C</Letter></ModifyPartition>"
        "</ModifyPartitions></Disk></DiskConfiguration><ImageInstall><OSImage><InstallFrom>"
        '<MetaData wcm:action="add"><Key>/IMAGE/NAME</Key><Value>Windows 11 Pro</Value></MetaData>'
        "</InstallFrom><InstallTo><DiskID>0</DiskID><PartitionID>2</PartitionID></InstallTo>"
        "</OSImage></ImageInstall>",
    )

    assert steps(text) == [
        "Disk 0 is wiped: everything on it is lost.",
        "Disk 0 gets an EFI partition of 100 MB.",
        "Disk 0 gets a primary partition that fills the rest.",
        "Partition 2 is formatted with NTFS, given the letter C.",
        'The image with the name "Windows 11 Pro" is installed.',
        "It goes to partition 2 of disk 0.",
    ]


def test_commands_come_in_their_order_and_reseal_last() -> None:
    text = one(
        "auditUser",
        DEPLOYMENT,
        "<Reseal><Mode>OOBE</Mode><ForceShutdownNow>true</ForceShutdownNow></Reseal>"
        '<RunSynchronous><RunSynchronousCommand wcm:action="add"><Order>2</Order><Path>second'
        '</Path></RunSynchronousCommand><RunSynchronousCommand wcm:action="add"><Order>1</Order>'
        "<Path>net user bob hunter2</Path></RunSynchronousCommand></RunSynchronous>",
    )

    assert steps(text) == [
        "1. Runs, and waits for it: net user bob (hidden)",
        "2. Runs, and waits for it: second",
        "Windows is resealed for the out-of-box experience, and the machine is shut down.",
    ]


def test_packages_and_features() -> None:
    text = unattend(
        settings("oobeSystem", component(INTERNATIONAL, "<UserLocale>de-DE</UserLocale>")),
        servicing(
            package("Contoso-Package", "install", '<source location="c:\\c.cab"/>'),
            package(
                "Microsoft-Windows-Foundation-Package",
                "configure",
                '<selection name="TelnetClient" state="true"/><selection name="SMB1" state="false"/>',
            ),
            package("Old", "remove"),
            '<package action="configure"/>\n',
        ),
    )
    shown = show(document(text))

    assert [one.name for one in shown] == ["offlineServicing", "oobeSystem"]
    assert [step.text for step in shown[0].steps] == [
        'The package "Contoso-Package" is added.',
        'The feature "TelnetClient" of the package "Microsoft-Windows-Foundation-Package" is turned on.',
        'The feature "SMB1" of the package "Microsoft-Windows-Foundation-Package" is turned off.',
        'The package "Old" is removed.',
        "The package without a name is configured.",
    ]
    assert [step.position.line for step in shown[0].steps] == [9, 10, 10, 11, 12]


def test_accounts_and_logon() -> None:
    text = one(
        "oobeSystem",
        SHELL,
        "<UserAccounts><AdministratorPassword><Value>hunter2</Value></AdministratorPassword>"
        '<LocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name><Group>Administrators;'
        "Users</Group></LocalAccount></LocalAccounts></UserAccounts><AutoLogon><Enabled>true"
        "</Enabled><LogonCount>2</LogonCount><Username>bob</Username></AutoLogon>",
    )

    assert steps(text) == [
        "The built-in Administrator gets a password (hidden).",
        'There is an account "bob", a member of Administrators and Users, without a password.',
        '"bob" logs on automatically 3 times.',
    ]


def test_a_pass_that_is_done() -> None:
    text = one("specialize", SHELL, "<ProductKey>W269N-WFGWX-YVC9B-4J6C9-T83GX</ProductKey>")
    (shown,) = show(mark(document(text), [Pass.SPECIALIZE]))

    assert shown.processed
    assert [step.text for step in shown.steps] == [
        "Shell-Setup ProductKey: Windows has deleted this secret."
    ]


def test_strange_files_are_shown_too() -> None:
    text = unattend(settings("someday", component("Contoso", "<A>1\x9b</A><B/><C> </C>")))
    (shown,) = show(document(text))

    assert shown.when == "never: this pass does not exist"
    assert [step.text for step in shown.steps] == ['Contoso A is "1\N{REPLACEMENT CHARACTER}".']
    assert show(document("<html/>")) == []
