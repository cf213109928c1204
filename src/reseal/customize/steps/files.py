"""Steps that change files and folders, their owners and their permissions."""

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
    Argument("guest", "the destination: a folder, or a new name", Kind.GUEST),
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"agent.msi:C:\Install",),
    work="reseal.customize.files:CopyIn",
)
def copy_in() -> None:
    r"""Copy a file or a folder of this machine into the image.

    If GUEST is a folder, or ends in a slash, the copy goes into it; otherwise GUEST is its new name.
    Missing folders are created, existing folders are filled, and existing files are overwritten. A
    symbolic link inside a folder is refused, since only what you name is read.
    """


@step(
    "copy-out",
    Group.FILES,
    Argument("guest", "a file or folder of the image", Kind.GUEST),
    Argument("host", "the destination on this machine", Kind.HOST),
    mark=Mark.DOCUMENTED,
    source=_NAMING,
    example=(r"C:\Windows\Panther\setupact.log:setupact.log",),
    work="reseal.customize.files:CopyOut",
)
def copy_out() -> None:
    """Copy a file or a folder out of the image.

    The copy shows the state after the steps before this one. HOST is written when the image is done, and
    not at all if the run fails; it must not exist yet. Links in the image, and names that this machine
    does not accept, are left out and reported.
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
    """Create a folder, and missing folders above it."""


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
    """Delete a file or a folder with its content; * and ? match any part of a name.

    Of a link, only the link itself is deleted. A path that does not exist is reported, and is not an error.
    """


@step(
    "move",
    Group.FILES,
    _GUEST,
    Argument("new", "its new path, or the folder to move it into", Kind.GUEST),
    mark=Mark.DOCUMENTED,
    source="Microsoft, How permissions are handled when you copy and move files and folders: a file "
    "that is moved within a volume keeps its permissions",
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
    """Write a text to a new or existing file."""


@step(
    "edit",
    Group.FILES,
    _GUEST,
    Argument("expression", "s/PATTERN/TEXT/, plus g for every match and i to ignore case"),
    mark=Mark.DOCUMENTED,
    source="Python, Regular Expression Syntax",
    example=(r"C:\Windows\System32\drivers\etc\hosts:s/^# *(127\.)/\1/",),
    work="reseal.customize.files:Edit",
)
def edit() -> None:
    r"""Replace matches of a regular expression in each line of a text file.

    The expression is s/PATTERN/TEXT/; any other character can replace the slash. PATTERN is a Python
    regular expression, and \1 in TEXT is the match of its first group. The file keeps its encoding
    (byte order marks identify UTF-16 and UTF-8; a file without one is read as UTF-8, or else byte by
    byte) and its line endings.
    """


@step(
    "owner",
    Group.FILES,
    _PLACE,
    Argument(
        "account", "a SID, two letters of SDDL, an account of the machine, or a name such as SYSTEM"
    ),
    mark=Mark.DOCUMENTED,
    source="[MS-DTYP] 2.4.6, SECURITY_DESCRIPTOR; Microsoft, Well-known SIDs",
    example=(r"C:\Tools:Administrators",),
    work="reseal.customize.permissions:owner",
)
def owner() -> None:
    """Set the owner of a file or a folder; the content of a folder keeps its owners."""


@step(
    "sddl",
    Group.FILES,
    _PLACE,
    Argument("sddl", "a security descriptor; parts that it omits stay unchanged"),
    mark=Mark.DOCUMENTED,
    source="Microsoft, Security Descriptor String Format",
    example=(r"C:\Tools:O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",),
    work="reseal.customize.permissions:Sddl",
)
def sddl() -> None:
    """Set the security descriptor of a file or a folder.

    The content of a folder keeps its own; files that later steps add inherit from it.
    """
