"""A Windows installation: its hives as one registry, version, identity, setup state."""

from typing import TYPE_CHECKING

from reseal.later import later

if TYPE_CHECKING:
    from reseal.windows.installation import Installation, find_installations
    from reseal.windows.names import split_root
    from reseal.windows.registry import Registry
    from reseal.windows.sid import Sid

__all__ = ["Installation", "Registry", "Sid", "find_installations", "split_root"]

# Declarations import key names from this package without loading the registry and the hive code.
__getattr__ = later(
    __name__,
    Installation="installation",
    Registry="registry",
    Sid="sid",
    find_installations="installation",
    split_root="names",
)
