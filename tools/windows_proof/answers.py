"""The answer files: one for Setup, one for the first boot after generalize."""

from __future__ import annotations

from reseal.answerfile.building import element, identity

#: A local account for the proof. The machine is not reachable from the network.
USER, PASSWORD = "proof", "Proof-2026-x"
_NAMESPACES = (
    'xmlns="urn:schemas-microsoft-com:unattend" '
    'xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State"'
)
#: Values that let Windows 11 Setup accept a machine without TPM and Secure Boot (reported).
_LAB = ("BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck")
_SHUT_DOWN = "shutdown /s /t 30 /f"


def _component(name: str, *inside: str) -> str:
    return element("component", identity(name, "amd64"), *inside)


def _ordered(name: str, item: str, commands: tuple[str, ...], line: str) -> str:
    rows = "".join(
        f'<{item} wcm:action="add"><Order>{number}</Order><{line}>{command}</{line}></{item}>'
        for number, command in enumerate(commands, 1)
    )
    return f"<{name}>{rows}</{name}>"


def _document(*passes: tuple[str, str]) -> str:
    body = "".join(f'<settings pass="{name}">{inside}</settings>' for name, inside in passes)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<unattend {_NAMESPACES}>{body}</unattend>\n'


def _desktop(*commands: str) -> str:
    """Return settings for OOBE without questions, the account, its automatic logon, and logon commands."""
    account = (
        f'<LocalAccount wcm:action="add"><Name>{USER}</Name><Group>Administrators</Group>'
        f"<Password><Value>{PASSWORD}</Value><PlainText>true</PlainText></Password></LocalAccount>"
    )
    logon = (
        f"<AutoLogon><Enabled>true</Enabled><LogonCount>3</LogonCount><Username>{USER}</Username>"
        f"<Password><Value>{PASSWORD}</Value><PlainText>true</PlainText></Password></AutoLogon>"
    )
    pages = (
        "<OOBE><HideEULAPage>true</HideEULAPage>"
        "<HideOnlineAccountScreens>true</HideOnlineAccountScreens>"
        "<HideWirelessSetupInOOBE>true</HideWirelessSetupInOOBE><ProtectYourPC>3</ProtectYourPC></OOBE>"
    )
    first = _ordered("FirstLogonCommands", "SynchronousCommand", commands, "CommandLine")
    locale = _component(
        "Microsoft-Windows-International-Core",
        "<InputLocale>en-US</InputLocale><SystemLocale>en-US</SystemLocale>"
        "<UILanguage>en-US</UILanguage><UserLocale>en-US</UserLocale>",
    )
    shell = _component(
        "Microsoft-Windows-Shell-Setup",
        logon, first, pages, f"<UserAccounts><LocalAccounts>{account}</LocalAccounts></UserAccounts>",
    )  # fmt: skip
    return locale + shell


def setup(index: int = 1) -> str:
    """Return the file for Setup: use the whole disk, create the account, shut down at first logon.

    Args:
        index: index of the image in the ISO's install.wim.
    """
    run = _ordered(
        "RunSynchronous",
        "RunSynchronousCommand",
        tuple(
            rf"reg add HKLM\SYSTEM\Setup\LabConfig /v {name} /t REG_DWORD /d 1 /f" for name in _LAB
        ),
        "Path",
    )
    partitions = (("1", "EFI", "260"), ("2", "MSR", "16"), ("3", "Primary", None))
    create = "".join(
        f'<CreatePartition wcm:action="add"><Order>{order}</Order><Type>{kind}</Type>'
        + (f"<Size>{size}</Size>" if size else "<Extend>true</Extend>")
        + "</CreatePartition>"
        for order, kind, size in partitions
    )
    modify = (
        '<ModifyPartition wcm:action="add"><Order>1</Order><PartitionID>1</PartitionID>'
        "<Format>FAT32</Format></ModifyPartition>"
        '<ModifyPartition wcm:action="add"><Order>2</Order><PartitionID>3</PartitionID>'
        "<Format>NTFS</Format><Letter>C</Letter></ModifyPartition>"
    )
    disk = (
        '<DiskConfiguration><Disk wcm:action="add"><DiskID>0</DiskID><WillWipeDisk>true</WillWipeDisk>'
        f"<CreatePartitions>{create}</CreatePartitions><ModifyPartitions>{modify}</ModifyPartitions>"
        "</Disk></DiskConfiguration>"
    )
    image = (
        '<ImageInstall><OSImage><InstallFrom><MetaData wcm:action="add"><Key>/IMAGE/INDEX</Key>'
        f"<Value>{index}</Value></MetaData></InstallFrom>"
        "<InstallTo><DiskID>0</DiskID><PartitionID>3</PartitionID></InstallTo></OSImage></ImageInstall>"
    )
    locale = _component(
        "Microsoft-Windows-International-Core-WinPE",
        "<SetupUILanguage><UILanguage>en-US</UILanguage></SetupUILanguage>"
        "<InputLocale>en-US</InputLocale><SystemLocale>en-US</SystemLocale>"
        "<UILanguage>en-US</UILanguage><UserLocale>en-US</UserLocale>",
    )
    user = "<UserData><AcceptEula>true</AcceptEula></UserData>"
    pe = locale + _component("Microsoft-Windows-Setup", disk, image, run, user)
    return _document(("windowsPE", pe), ("oobeSystem", _desktop(_SHUT_DOWN)))


def first_boot() -> str:
    """Return the file for the first boot after generalize: no questions, a desktop, a shutdown."""
    return _document(("oobeSystem", _desktop(_SHUT_DOWN)))
