"""Errors of WIM files."""

from reseal.errors import ImageError


class WimError(ImageError):
    """A WIM file can't be read or written."""
