"""Examples for the help, man page and reference of every command. A test runs each of them."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """One example.

    Attributes:
        says: its purpose, without a full stop.
        line: the command line.
        exit_code: its exit code on a machine that was never generalized.
    """

    says: str
    line: str
    exit_code: int = 0


_COMPUTER_NAME = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"

#: By command, without `reseal`.
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "inspect": (
        Example("Show what an image holds", "reseal inspect image.qcow2"),
        Example("Print it as JSON", "reseal inspect image.qcow2 --json"),
    ),
    "check": (
        Example("Find everything that Sysprep would refuse", "reseal check image.qcow2"),
        Example("Override one check", "reseal check image.qcow2 --force servicing"),
    ),
    "customize": (
        Example(
            "Make a folder, set a value, and apply a .reg file",
            r"reseal customize image.qcow2 --mkdir 'C:\Tools' "
            r"--reg-set 'HKLM\SOFTWARE\Example' Owner REG_SZ 'Example Ltd' --reg settings.reg",
        ),
    ),
    "generalize": (
        Example(
            "Generalize in place, and write a report",
            "reseal generalize image.qcow2 --report run.html",
        ),
        Example("Write a new image", "reseal generalize image.qcow2 --output golden.vhdx"),
        Example(
            "Place an answer file, and save the old identity for verify",
            "reseal generalize image.qcow2 --unattend answers.xml --save-identity identity.json",
        ),
        Example("Show what would be done", "reseal generalize image.qcow2 --dry-run --verbose"),
    ),
    "verify": (
        Example("Verify that an image is generalized", "reseal verify image.qcow2", 3),
        Example(
            "List the identities that clones share", "reseal verify image.qcow2 --against clones", 3
        ),
    ),
    "boot": (
        Example("Explain what the next boot does", "reseal boot image.qcow2 --status"),
        Example("Boot to audit mode next", "reseal boot image.qcow2 --audit"),
    ),
    "sysprep": (
        Example(
            "Generalize as in Windows", "reseal sysprep image.qcow2 /generalize /oobe /shutdown"
        ),
    ),
    "sid": (
        Example("Show the machine SID", "reseal sid image.qcow2"),
        Example("Set a new SID now, everywhere", "reseal sid image.qcow2 --new --yes"),
        Example(
            "Have Windows set a chosen SID at the next boot",
            "reseal sid image.qcow2 --pending --sid S-1-5-21-1111111111-2222222222-3333333333",
        ),
    ),
    "specialize": (
        Example(
            "Set a name and a new SID now",
            "reseal specialize image.qcow2 --computer-name PC-0042 --sid new --now --yes",
        ),
        Example(
            "Set the time zone for the first boot, in a thin new image",
            "reseal specialize golden.qcow2 --set Shell-Setup/TimeZone=UTC --output pc.qcow2 --thin",
        ),
    ),
    "clone": (
        Example(
            "Make a thin image for each row of a table",
            "reseal clone golden.qcow2 --machines fleet.csv --output-dir fleet",
        ),
        Example(
            "Make whole images, and apply everything now that has a known place",
            "reseal clone golden.qcow2 --machines fleet.csv --output-dir fleet --full --now",
        ),
    ),
    "capture": (
        Example("Capture the Windows volume, as DISM would", "reseal capture image.qcow2 new.wim"),
        Example(
            "Capture it only if it is generalized",
            "reseal capture image.qcow2 new.wim --require-generalized",
            3,
        ),
    ),
    "apply": (Example("Apply an image to a folder", "reseal apply windows.wim folder --index 1"),),
    "deploy": (
        Example(
            "Make a disk for UEFI from a WIM",
            "reseal deploy windows.wim disk.qcow2 --size 1G --firmware uefi",
        ),
        Example(
            "Move an image to a larger disk",
            "reseal deploy image.qcow2 larger.vhdx --size 2G --resize",
        ),
    ),
    "providers": (
        Example("List what generalize removes, and how that is known", "reseal providers"),
    ),
    "resume": (
        Example("Finish an interrupted run (here there was none)", "reseal resume image.qcow2", 4),
    ),
    "doctor": (Example("List what is installed and what is missing", "reseal doctor"),),
    "bcd show": (
        Example("List entries as bcdedit /enum does", "reseal bcd show image.qcow2"),
        Example("List all objects of a store file", "reseal bcd show BCD --all"),
    ),
    "bcd set": (
        Example(
            "Set an element as bcdedit /set does",
            "reseal bcd set image.qcow2 '{default}' nx AlwaysOn",
        ),
        Example(
            "Set a device by the number of its partition",
            "reseal bcd set image.qcow2 '{default}' device partition=3",
        ),
    ),
    "bcd delete": (
        Example(
            "Delete an element as bcdedit /deletevalue does",
            "reseal bcd delete image.qcow2 '{default}' nx",
        ),
    ),
    "reg query": (
        Example("Query a key of an image", f"reseal reg query image.qcow2 '{_COMPUTER_NAME}'"),
        Example("Query a key of a hive file", r"reseal reg query SOFTWARE Microsoft --json"),
    ),
    "reg set": (
        Example(
            "Set a value of an image, in every control set",
            f"reseal reg set image.qcow2 '{_COMPUTER_NAME}' ComputerName NEW-PC",
        ),
        Example(
            "Set a number in a hive file, and keep the old file",
            "reseal reg set SOFTWARE Example Number 7 --type REG_DWORD --backup",
        ),
    ),
    "reg delete": (
        Example(
            "Delete a key with everything below it",
            r"reseal reg delete SOFTWARE 'Microsoft\Cryptography'",
        ),
        Example(
            "Delete one value",
            r"reseal reg delete image.qcow2 'HKLM\SOFTWARE\Microsoft\Cryptography' --value MachineGuid",
        ),
    ),
    "reg rename": (
        Example("Rename a key", r"reseal reg rename SOFTWARE 'Microsoft\Cryptography' Renamed"),
    ),
    "reg export": (
        Example(
            "Export a key of an image",
            r"reseal reg export image.qcow2 'HKLM\SOFTWARE\Microsoft\Cryptography' -o key.reg",
        ),
    ),
    "reg import": (Example("Into an image", "reseal reg import image.qcow2 settings.reg"),),
    "reg diff": (
        Example("Compare two hive files", "reseal reg diff SOFTWARE SOFTWARE.old"),
        Example(
            "Write the difference as a .reg file",
            "reseal reg diff SOFTWARE SOFTWARE.old --reg -o new.reg",
        ),
    ),
    "reg verify": (Example("Check a hive file", "reseal reg verify SOFTWARE"),),
    "reg compact": (Example("Compact a hive file", "reseal reg compact SOFTWARE --backup"),),
    "unattend new": (
        Example(
            "Names, formats and time zone",
            "reseal unattend new --computer-name '*' --locale de-DE "
            "--time-zone 'W. Europe Standard Time' --output new.xml",
        ),
    ),
    "unattend apply": (
        Example(
            "Place an answer file for the next boot of an image",
            "reseal unattend apply image.qcow2 answers.xml",
        ),
    ),
    "decrypt": (
        Example(
            "Show what BitLocker says of an image", "reseal decrypt encrypted.qcow2 --metadata"
        ),
        Example(
            "Decrypt a data volume with its password",
            "reseal decrypt data.raw --output plain.raw --key password:password.txt",
        ),
        Example(
            "Decrypt in place, with the recovery key from standard input",
            "reseal decrypt encrypted.qcow2 --in-place --key recovery:- < recovery.txt",
        ),
    ),
    "unattend check": (Example("Check an answer file", "reseal unattend check answers.xml"),),
    "unattend show": (
        Example("Show what an answer file makes Windows do", "reseal unattend show answers.xml"),
    ),
    "unattend rules": (Example("List the rules", "reseal unattend rules"),),
    "unattend fmt": (Example("Format an answer file", "reseal unattend fmt answers.xml"),),
    "unattend hide-secrets": (
        Example(
            "Hide secrets as Windows System Image Manager does",
            "reseal unattend hide-secrets answers.xml --output hidden.xml",
        ),
    ),
    "unattend merge": (
        Example(
            "Merge two answer files; the second wins",
            "reseal unattend merge answers.xml other.xml -o both.xml",
        ),
    ),
}
