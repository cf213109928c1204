"""Examples for the help of every command, its man page and the reference. Each of them is run by a test."""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    """One call.

    Attributes:
        says: what it is for, without a full stop.
        line: what is typed.
        exit_code: what it ends with, on a machine that was never generalized.
    """

    says: str
    line: str
    exit_code: int = 0


_COMPUTER_NAME = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"

#: By command, as it is typed after `reseal`.
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "inspect": (
        Example("What an image holds", "reseal inspect image.qcow2"),
        Example("The same for a program", "reseal inspect image.qcow2 --json"),
    ),
    "check": (
        Example("Everything that Sysprep would refuse", "reseal check image.qcow2"),
        Example("Without one of the checks", "reseal check image.qcow2 --force servicing"),
    ),
    "customize": (
        Example(
            "A folder, a setting, and what a .reg file says",
            r"reseal customize image.qcow2 --mkdir 'C:\Tools' "
            r"--reg-set 'HKLM\SOFTWARE\Example' Owner REG_SZ 'Example Ltd' --reg settings.reg",
        ),
    ),
    "generalize": (
        Example(
            "In place, with a report to file", "reseal generalize image.qcow2 --report run.html"
        ),
        Example("Into a new image", "reseal generalize image.qcow2 --output golden.vhdx"),
        Example(
            "With an answer file, and the old identity kept for verify",
            "reseal generalize image.qcow2 --unattend answers.xml --save-identity identity.json",
        ),
        Example("What would be done", "reseal generalize image.qcow2 --dry-run --verbose"),
    ),
    "verify": (
        Example("Whether an image is generalized", "reseal verify image.qcow2", 3),
        Example("Which identities clones share", "reseal verify image.qcow2 --against clones", 3),
    ),
    "boot": (
        Example("What the next boot does", "reseal boot image.qcow2 --status"),
        Example("Audit mode at the next boot", "reseal boot image.qcow2 --audit"),
    ),
    "sysprep": (
        Example("As in Windows", "reseal sysprep image.qcow2 /generalize /oobe /shutdown"),
    ),
    "sid": (
        Example("The machine SID", "reseal sid image.qcow2"),
        Example("A new one, now and everywhere", "reseal sid image.qcow2 --new --yes"),
        Example(
            "A chosen one, which Windows itself takes at the next boot",
            "reseal sid image.qcow2 --pending --set S-1-5-21-1111111111-2222222222-3333333333",
        ),
    ),
    "specialize": (
        Example(
            "A name and a new SID, done now",
            "reseal specialize image.qcow2 --computer-name PC-0042 --sid new --now --yes",
        ),
        Example(
            "A setting for the first boot, in a thin new image",
            "reseal specialize golden.qcow2 --set Shell-Setup/TimeZone=UTC --output pc.qcow2 --thin",
        ),
    ),
    "clone": (
        Example(
            "A thin image for each row of a table",
            "reseal clone golden.qcow2 --machines fleet.csv --output-dir fleet",
        ),
        Example(
            "Whole images, with everything done here that can be",
            "reseal clone golden.qcow2 --machines fleet.csv --output-dir fleet --full --now",
        ),
    ),
    "capture": (
        Example("The Windows volume, as DISM would", "reseal capture image.qcow2 new.wim"),
        Example(
            "Only if it is generalized",
            "reseal capture image.qcow2 new.wim --require-generalized",
            3,
        ),
    ),
    "apply": (Example("Into a folder", "reseal apply windows.wim folder --index 1"),),
    "deploy": (
        Example(
            "A disk for UEFI, from a WIM",
            "reseal deploy windows.wim disk.qcow2 --size 1G --firmware uefi",
        ),
        Example(
            "An image on a larger disk", "reseal deploy image.qcow2 larger.vhdx --size 2G --resize"
        ),
    ),
    "providers": (Example("What generalize removes, and how that is known", "reseal providers"),),
    "resume": (
        Example("After a run that was killed; here none was", "reseal resume image.qcow2", 4),
    ),
    "doctor": (Example("What is installed, and what is missing", "reseal doctor"),),
    "bcd show": (
        Example("As bcdedit /enum", "reseal bcd show image.qcow2"),
        Example("A store in a file of its own, with all objects", "reseal bcd show BCD --all"),
    ),
    "bcd set": (
        Example("As bcdedit /set", "reseal bcd set image.qcow2 '{default}' nx AlwaysOn"),
        Example(
            "A device, by the number of its partition",
            "reseal bcd set image.qcow2 '{default}' device partition=3",
        ),
    ),
    "bcd delete": (
        Example("As bcdedit /deletevalue", "reseal bcd delete image.qcow2 '{default}' nx"),
    ),
    "reg query": (
        Example("A value of an image", f"reseal reg query image.qcow2 '{_COMPUTER_NAME}'"),
        Example("A key of a hive file", r"reseal reg query SOFTWARE Microsoft --json"),
    ),
    "reg set": (
        Example(
            "A value of an image, in every control set",
            f"reseal reg set image.qcow2 '{_COMPUTER_NAME}' ComputerName NEW-PC",
        ),
        Example(
            "A number in a hive file, whose old content is kept",
            "reseal reg set SOFTWARE Example Number 7 --type REG_DWORD --backup",
        ),
    ),
    "reg delete": (
        Example("A key with all below it", r"reseal reg delete SOFTWARE 'Microsoft\Cryptography'"),
        Example(
            "One value",
            r"reseal reg delete image.qcow2 'HKLM\SOFTWARE\Microsoft\Cryptography' --value MachineGuid",
        ),
    ),
    "reg rename": (
        Example("A key", r"reseal reg rename SOFTWARE 'Microsoft\Cryptography' Renamed"),
    ),
    "reg export": (
        Example(
            "A key of an image",
            r"reseal reg export image.qcow2 'HKLM\SOFTWARE\Microsoft\Cryptography' -o key.reg",
        ),
    ),
    "reg import": (Example("Into an image", "reseal reg import image.qcow2 settings.reg"),),
    "reg diff": (
        Example("Two hive files", "reseal reg diff SOFTWARE SOFTWARE.old"),
        Example(
            "The same as a .reg file", "reseal reg diff SOFTWARE SOFTWARE.old --reg -o new.reg"
        ),
    ),
    "reg verify": (Example("A hive file", "reseal reg verify SOFTWARE"),),
    "reg compact": (Example("A hive file", "reseal reg compact SOFTWARE --backup"),),
    "unattend new": (
        Example(
            "Names, formats and time zone",
            "reseal unattend new --computer-name '*' --locale de-DE "
            "--time-zone 'W. Europe Standard Time' --output new.xml",
        ),
    ),
    "unattend apply": (
        Example("For the next boot of an image", "reseal unattend apply image.qcow2 answers.xml"),
    ),
    "decrypt": (
        Example("What BitLocker says of an image", "reseal decrypt encrypted.qcow2 --metadata"),
        Example(
            "A volume of data, with its password",
            "reseal decrypt data.raw --output plain.raw --key password:password.txt",
        ),
        Example(
            "In place, with the recovery key from standard input",
            "reseal decrypt encrypted.qcow2 --in-place --key recovery:- < recovery.txt",
        ),
    ),
    "unattend check": (Example("What is wrong with a file", "reseal unattend check answers.xml"),),
    "unattend show": (Example("What a file makes Windows do", "reseal unattend show answers.xml"),),
    "unattend rules": (Example("What files are checked against", "reseal unattend rules"),),
    "unattend fmt": (Example("One setting a line", "reseal unattend fmt answers.xml"),),
    "unattend hide-secrets": (
        Example(
            "As Windows System Image Manager does",
            "reseal unattend hide-secrets answers.xml --output hidden.xml",
        ),
    ),
    "unattend merge": (
        Example("The second file wins", "reseal unattend merge answers.xml other.xml -o both.xml"),
    ),
}
