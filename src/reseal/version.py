"""The version of reseal."""

__version__ = "0.1.0"
