"""An image opened from Python: its verbs, its changes, and commit."""

from reseal.api.opened import OpenImage

__all__ = ["OpenImage"]
