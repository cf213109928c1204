"""What goes wrong in a registry hive."""

from reseal.errors import ImageError


class RegfError(ImageError, ValueError):
    """A hive is damaged, an edit is not possible, or a key or value object is stale."""
