"""The error of this package."""

from reseal.errors import ImageError


class SamError(ImageError, ValueError):
    """A record of SAM is damaged, or the key to it is not in the image."""
