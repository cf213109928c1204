"""The errors of FAT volumes."""

from __future__ import annotations

from reseal.tree import TreeError


class FatError(TreeError):
    """A FAT volume is damaged, or an operation on it failed."""


class NotFatError(FatError):
    """The volume is not FAT."""
