"""Steps on the registry."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, step
from reseal.mark import Mark

_SOURCE = "Microsoft, Registry Hives"
_PATH = Argument("path", r"a key, such as HKLM\SOFTWARE\Vendor, HKU\Default\… or HKU\*\…")
_TYPES = (
    "reg_sz",
    "reg_expand_sz",
    "reg_multi_sz",
    "reg_dword",
    "reg_qword",
    "reg_binary",
    "reg_none",
)


@step(
    "reg",
    Group.REGISTRY,
    Argument("file", "a .reg file of this machine, as Regedit exports it"),
    mark=Mark.DOCUMENTED,
    source="Microsoft, How to add, modify, or delete registry subkeys and values by using a .reg file",
    example=("settings.reg",),
    work="reseal.customize.registry:Reg",
)
def reg() -> None:
    r"""Do what a .reg file says.

    Its keys may begin with HKEY_LOCAL_MACHINE, HKEY_CLASSES_ROOT or HKEY_USERS; below the last,
    .DEFAULT, Default, a SID, and * for every profile that exists.
    """


@step(
    "reg-set",
    Group.REGISTRY,
    _PATH,
    Argument("value", "the name of a value; an empty one for the default value"),
    Argument("type", "its type", choices=_TYPES),
    Argument(
        "data", r"its data: a text, a number (0x… too), hex bytes, strings with \0 between them"
    ),
    words=True,
    mark=Mark.DOCUMENTED,
    source=_SOURCE,
    example=(r"HKLM\SOFTWARE\Vendor", "Channel", "REG_SZ", "stable"),
    work="reseal.customize.registry:RegSet",
)
def reg_set() -> None:
    """Set a value, and make the keys that are missing."""


@step(
    "reg-delete",
    Group.REGISTRY,
    Argument("path", r"a key, or a value: its key, two backslashes, its name"),
    mark=Mark.DOCUMENTED,
    source=_SOURCE,
    example=(r"HKLM\SOFTWARE\Vendor\\BuildId",),
    work="reseal.customize.registry:RegDelete",
)
def reg_delete() -> None:
    """Delete a key with all below it, or a value. Where there is none, that is said, and no error."""
