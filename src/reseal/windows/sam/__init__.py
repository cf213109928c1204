"""Records of the Security Account Manager, and the storage format of passwords.

These are pure functions on the bytes of registry values; they don't open or write hives. They encrypt
passwords into stored entries, but never decrypt a stored password.
"""

from reseal.windows.sam.errors import SamError
from reseal.windows.sam.keys import PasswordKey, boot_key, nt_hash
from reseal.windows.sam.records import User

__all__ = ["PasswordKey", "SamError", "User", "boot_key", "nt_hash"]
