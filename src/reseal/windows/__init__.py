"""What a Windows installation is: its hives as one registry, version, identity, setup state."""

from reseal.windows.installation import Installation, find_installations
from reseal.windows.registry import Registry, split_root
from reseal.windows.sid import Sid

__all__ = ["Installation", "Registry", "Sid", "find_installations", "split_root"]
