"""What reseal uses libwim for."""

from reseal.wim.wof import WofError, decompress

__all__ = ["WofError", "decompress"]
