"""Steps that change the registry."""

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
    r"""Apply a .reg file.

    Its keys may begin with HKEY_LOCAL_MACHINE, HKEY_CLASSES_ROOT or HKEY_USERS; below HKEY_USERS come
    .DEFAULT, Default, a SID, or * for every existing profile.
    """


@step(
    "reg-set",
    Group.REGISTRY,
    _PATH,
    Argument("value", "the name of a value; empty for the default value"),
    Argument("type", "its type", choices=_TYPES),
    Argument(
        "data", r"its data: a text, a number (also 0x…), hex bytes, or strings separated by \0"
    ),
    words=True,
    mark=Mark.DOCUMENTED,
    source=_SOURCE,
    example=(r"HKLM\SOFTWARE\Vendor", "Channel", "REG_SZ", "stable"),
    work="reseal.customize.registry:RegSet",
)
def reg_set() -> None:
    """Set a value, and create missing keys."""


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
    """Delete a key with its subkeys, or a value. If it does not exist, that is reported, not an error."""
