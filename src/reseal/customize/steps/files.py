"""Steps on files and folders, their owners and their permissions."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

_NAMING = "Microsoft, Naming Files, Paths, and Namespaces"
_GUEST = Argument("guest", "a path in the image", Kind.GUEST)
_PLACE = Argument("guest", "a file or folder of the image", Kind.GUEST)


@step(
    "copy-in",
    Group.FILES,
    Argument("host", "a file or folder of this machine", Kind.HOST),
    Argument("guest", "where it goes: a folder, or a new name", Kind.GUEST),
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"agent.msi:C:\Install",),
    work="reseal.customize.files:CopyIn",
)
def copy_in() -> None:
    r"""Copy a file or a folder of this machine into the image.

    Where GUEST is a folder, or ends in a slash, the copy goes into it; otherwise GUEST is its new name.
    Folders that are missing are made, folders that are there are filled, and files that are there are
    overwritten. A symbolic link inside of a folder is refused, since only what you name is read.
    """


@step(
    "copy-out",
    Group.FILES,
    Argument("guest", "a file or folder of the image", Kind.GUEST),
    Argument("host", "where it goes on this machine", Kind.HOST),
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"C:\Windows\Panther\setupact.log:setupact.log",),
    work="reseal.customize.files:CopyOut",
)
def copy_out() -> None:
    """Copy a file or a folder out of the image.

    It is as the steps before this one have left it. HOST is written when the image is done, and not at
    all where the run fails; nothing may be there yet. Links in the image are left out, and so is what
    has a name that this machine does not take; both are said.
    """


@step(
    "mkdir",
    Group.FILES,
    _GUEST,
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"C:\Tools",),
    work="reseal.customize.files:mkdir",
)
def mkdir() -> None:
    """Make a folder, and those above it that are missing."""


@step(
    "delete",
    Group.FILES,
    _GUEST,
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"C:\Install\*.log",),
    work="reseal.customize.files:delete",
)
def delete() -> None:
    """Delete a file or a folder with all below it; * and ? stand for any part of a name.

    Of a link only the link goes. Where nothing is there, that is said, and no error.
    """


@step(
    "move",
    Group.FILES,
    _GUEST,
    Argument("new", "its new path, or a folder that it goes into", Kind.GUEST),
    mark=Mark.DOCUMENTED,
    source="Microsoft, How permissions are handled when you copy and move files and folders: what is "
    "moved inside of a volume keeps its permissions",
    example=(r"C:\Install\agent.ini:C:\ProgramData\Agent\agent.ini",),
    work="reseal.customize.files:move",
)
def move() -> None:
    """Move or rename a file or a folder inside the image; it keeps its permissions."""


@step(
    "write",
    Group.FILES,
    _GUEST,
    Argument("text", "the content, written as UTF-8 exactly as it is given"),
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"C:\build.txt:golden image 7",),
    work="reseal.customize.files:write",
)
def write() -> None:
    """Write a text to a file, new or over what is there."""


@step(
    "edit",
    Group.FILES,
    _GUEST,
    Argument("expression", "s/PATTERN/TEXT/, with g and i behind it for every match and any case"),
    mark=Mark.DOCUMENTED,
    source="Python, Regular Expression Syntax",
    example=(r"C:\Windows\System32\drivers\etc\hosts:s/^# *(127\.)/\1/",),
    work="reseal.customize.files:Edit",
)
def edit() -> None:
    r"""Replace what matches a regular expression in each line of a text file.

    The expression is s/PATTERN/TEXT/, where any character may stand for the slash; PATTERN is a regular
    expression of Python's, and \1 in TEXT what its first group has matched. The file keeps its encoding
    (UTF-16 and UTF-8 are told by their marks; a file without one is read as UTF-8 or else byte by byte)
    and the ends of its lines.
    """


@step(
    "owner",
    Group.FILES,
    _PLACE,
    Argument(
        "account", "a SID, two letters of SDDL, an account of the machine, or SYSTEM and the like"
    ),
    mark=Mark.DOCUMENTED,
    source="[MS-DTYP] 2.4.6, SECURITY_DESCRIPTOR; Microsoft, Well-known SIDs",
    example=(r"C:\Tools:Administrators",),
    work="reseal.customize.permissions:owner",
)
def owner() -> None:
    """Give a file or a folder another owner; what is below a folder keeps its own."""


@step(
    "sddl",
    Group.FILES,
    _PLACE,
    Argument("sddl", "a security descriptor; what it leaves out stays as it is"),
    mark=Mark.DOCUMENTED,
    source="Microsoft, Security Descriptor String Format",
    example=(r"C:\Tools:O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",),
    work="reseal.customize.permissions:Sddl",
)
def sddl() -> None:
    """Give a file or a folder a security descriptor.

    What is below a folder keeps its own; what later steps put there inherits from it.
    """
