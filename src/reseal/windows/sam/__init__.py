"""The Security Account Manager's records, and how passwords are stored in them.

Pure functions on the bytes of registry values; nothing here opens or writes a hive. Passwords go in and
stored entries come out; no stored password is ever decrypted.
"""

from reseal.windows.sam.errors import SamError
from reseal.windows.sam.keys import PasswordKey, boot_key, nt_hash
from reseal.windows.sam.records import User

__all__ = ["PasswordKey", "SamError", "User", "boot_key", "nt_hash"]
