"""Names of hives and registry roots."""

from __future__ import annotations

CONFIG = r"System32\config"
MACHINE_HIVES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
#: The driver store's index (Windows 8 and later); Windows loads it as HKLM\DRIVERS (reported).
DRIVERS_HIVE = "DRIVERS"
#: The hive of the default profile, `HKU\Default`. `DEFAULT` is the hive of the system account.
DEFAULT_PROFILE = "DEFAULT PROFILE"
LOG_SUFFIXES = ("LOG1", "LOG2", "LOG")
CURRENT_VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PROFILE_LIST = rf"{CURRENT_VERSION}\ProfileList"
SELECT = r"HKLM\SYSTEM\Select"
#: Maximum size of a hive that Windows can load (documented: "Registry Storage Space").
MAX_HIVE_SIZE = 2 << 30

_ROOTS = {
    "HKLM": "HKLM",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKU": "HKU",
    "HKEY_USERS": "HKU",
    "HKCU": "HKCU",
    "HKEY_CURRENT_USER": "HKCU",
    "HKCR": "HKCR",
    "HKEY_CLASSES_ROOT": "HKCR",
}


def split_root(path: str) -> tuple[str, str]:
    r"""Split `HKEY_LOCAL_MACHINE\SOFTWARE\X` into (`HKLM`, `SOFTWARE\X`). ValueError without a root."""
    root, _, rest = path.partition("\\")
    try:
        return _ROOTS[root.upper()], rest.strip("\\")
    except KeyError:
        msg = f"{path} does not start with a registry root such as HKLM"
        raise ValueError(msg) from None
