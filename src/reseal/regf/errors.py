"""Errors of registry hives."""

from reseal.errors import ImageError


class RegfError(ImageError, ValueError):
    """A hive is damaged, an edit is impossible, or a key or value object is stale."""
