"""The errors of boot configuration data."""

from __future__ import annotations

from reseal.errors import ImageError, UsageError


class BcdError(ImageError):
    """A boot configuration data store is damaged, or is none."""


class BcdUsageError(UsageError):
    """There is no such object or element, or the element can't hold such a value."""
