"""Errors of SAM records."""

from reseal.errors import ImageError


class SamError(ImageError, ValueError):
    """A record of SAM is damaged, or its key is not in the image."""
