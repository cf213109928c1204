"""The errors of boot configuration data."""

from __future__ import annotations

from reseal.errors import ImageError, UsageError


class BcdError(ImageError):
    """A file is not a boot configuration data store, or the store is damaged."""


class BcdUsageError(UsageError):
    """An object or element does not exist, or an element can't hold a value."""
